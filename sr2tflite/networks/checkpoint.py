"""Student checkpoints: safetensors with the architecture in the metadata; other formats are never unpickled freely."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sr2tflite.errors import InputError
from sr2tflite.files import other_kind, write_bytes
from sr2tflite.networks.header import METADATA_KEY, facts_of
from sr2tflite.networks.matching import find, key_difference, with_peak
from sr2tflite.networks.pickled import read_pickle
from sr2tflite.networks.students import STUDENTS, Student

WEIGHTS_FROM = "weights_from"
"""Metadata key: which key of a foreign state dict each of a student's weights is, as JSON."""


@dataclass(frozen=True)
class LoadedStudent:
    """A student with its weights, and what its checkpoint says of it."""

    module: nn.Module
    """In eval mode."""
    student: Student
    name: str
    metadata: dict[str, Any]
    """Free facts: what it was trained on and how."""

    remarks: tuple[str, ...] = ()
    """How a foreign state dict was understood."""


def dump(name: str, student: Student, weights: Mapping[str, Tensor], facts: dict[str, Any]) -> bytes:
    """A checkpoint's bytes."""
    spec = {"name": name, **student.model_dump(mode="json")}
    # sort_keys: the same weights give the same bytes
    text = json.dumps({"student": spec, **facts}, sort_keys=True)
    tensors = {key: value.detach().contiguous().cpu() for key, value in weights.items()}
    return save(tensors, {METADATA_KEY: text})


def store(path: Path, name: str, student: Student, weights: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all."""
    write_bytes(path, dump(name, student, weights, facts))


def load(path: Path, student: str | dict[str, Any] | None = None, *, peak: int | None = None) -> LoadedStudent:
    """The student in a checkpoint.

    Args:
        path: ``.safetensors`` written here, or a state dict in ``.pt``/``.pth``/``.safetensors``.
        student: The student a bare state dict belongs to, where its shapes do not tell: name, or name and settings.
        peak: What white is for a bare state dict; its student's default, or with foreign keys what it shows, when None.

    Raises:
        InputError: Not a checkpoint, a pickle with foreign objects, weights that fit no or several students or are not
            finite, or a state dict that is not what ``student`` says.
        RecipeError: An unknown student or setting.
    """
    weights, facts = read(path)
    where = str(path)
    refuse_not_finite(weights, where)
    spec = facts.pop("student", None)
    if spec is None:
        return _bare(weights, student, peak, where)
    name, built = STUDENTS.parse(spec)
    _refuse_contradiction(spec, student, where)
    module = built.build()
    _fill(module, weights, where)
    return LoadedStudent(module.eval(), built, name, facts)


def _bare(weights: dict[str, Tensor], spec: str | dict[str, Any] | None, peak: int | None, where: str) -> LoadedStudent:
    """A state dict that does not say what it is."""
    match = find(weights, spec, where)
    match = with_peak(match, weights, peak, where)
    if match.is_by_keys:
        return LoadedStudent(match.module(weights), match.student, match.name, {})
    assumed = {key: getattr(match.student, key) for key in match.assumed}
    how = "published keys: weights taken" if match.published else "foreign keys: weights taken in order"
    remarks = [f"{how} as {match}, white is {match.student.peak}"]
    if assumed:
        remarks.append("not told by shapes: " + ", ".join(f"{key}={value}" for key, value in assumed.items()))
    facts = {WEIGHTS_FROM: json.dumps(match.keys)}
    return LoadedStudent(match.module(weights), match.student, match.name, facts, tuple(remarks))


def _refuse_contradiction(spec: Any, told: str | dict[str, Any] | None, where: str) -> None:
    """Whoever names another student than the file does is told so."""
    own = {"name": spec} if isinstance(spec, str) else dict(spec)
    asked = {"name": told} if isinstance(told, str) else dict(told or {})
    if "name" in asked and asked["name"] != own["name"]:
        raise InputError(
            f"holds the student {own['name']}; expected {asked['name']}", where=where, hint="leave --student out"
        )
    held = STUDENTS.parse(own)[1]
    if asked and STUDENTS.parse({**own, **asked})[1] != held:
        raise InputError(f"holds {held}; expected {asked}", where=where, hint="leave the settings out")


def refuse_not_finite(weights: Mapping[str, Tensor], where: str) -> None:
    """See to it that every value is a number.

    Raises:
        InputError: One is not.
    """
    for key, value in weights.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise InputError(f"key {key!r} holds values that are not finite", where=where)


def shipped(name: str) -> Path:
    """Where the weights that come with a student are; the file need not be there."""
    return Path(__file__).parent / "weights" / f"{name}.safetensors"


def load_named(spec: str | dict[str, Any]) -> LoadedStudent:
    """A student by name with the weights that come with this package.

    Raises:
        RecipeError: An unknown student or setting.
        InputError: No weights come with it, or those that do have other settings.
    """
    name, student = STUDENTS.parse(spec)
    path = shipped(name)
    if not path.is_file():
        hint = f"sr2tflite train {name} --data DIR -o {name}.safetensors"
        raise InputError("no weights come with this student", where=name, hint=hint)
    loaded = load(path)
    if isinstance(spec, dict) and student != loaded.student:
        raise InputError(
            f"the weights that come with it are for {loaded.student}; expected {student}",
            where=name,
            hint="train it with your settings, or leave them out",
        )
    return loaded


def open_student(source: str | dict[str, Any], student: str | dict[str, Any] | None = None) -> LoadedStudent:
    """A student by name (its shipped weights) or from a checkpoint's path, where ``student`` may say what it is."""
    if isinstance(source, str) and Path(source).suffix:
        return load(Path(source), student)
    return load_named(source)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a checkpoint, without the prefixes of training tools, and what it says of itself.

    Raises:
        InputError: It is no checkpoint, or could run code.
    """
    if not path.is_file():
        raise InputError("no such file", where=str(path), hint="check the path")
    if path.suffix in (".onnx", ".tflite"):
        raise other_kind(path, "a checkpoint: .safetensors, .pt or .pth", "give the weights it was made from")
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, "pt") as file:
                facts = facts_of(file.metadata(), str(path))
                return {key: file.get_tensor(key) for key in file.keys()}, facts  # noqa: SIM118 (not a dict)
        except SafetensorError as error:
            raise InputError(f"is not a safetensors file: {error}", where=str(path), hint="is it complete?") from error
    return read_pickle(path)[0], {}


def _fill(module: nn.Module, weights: dict[str, Tensor], where: str) -> None:
    difference = key_difference(module.state_dict(), weights)
    if difference:
        raise InputError(difference[0], where=where, hint=difference[1])
    module.load_state_dict(weights)
