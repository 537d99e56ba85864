"""A checkpoint, looked at: what it says of itself, or what its keys and shapes tell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2tflite.commands.inspection import Holdings, Inspection, Likeness, said
from sr2tflite.errors import InputError, Sr2TfliteError
from sr2tflite.files import quoted
from sr2tflite.networks.header import Weight, read_header

if TYPE_CHECKING:
    from torch import Tensor

    from sr2tflite.networks.matching import Match

OWN_CLASS = "sr2tflite fuse package.module:Class -o deploy.onnx"

NOT_TOLD = "ops, MACs and memory: they are those of the fused network"


def inspect_checkpoint(path: Path) -> Inspection:
    """Look at a checkpoint of this project or anybody's.

    Only the header is read of a ``.safetensors`` that names its student. Of others the tensors are loaded, never code;
    a student that does not say what white is enlarges a small picture.

    Args:
        path: A ``.safetensors``, ``.pth`` or ``.pt``.

    Raises:
        InputError: It is damaged, could run code, or holds no state dict.
    """
    if path.suffix == ".safetensors":
        header = read_header(path)
        if header.facts.get("student"):
            return _named(path, header.weights, header.facts)
    from sr2tflite.networks.checkpoint import read
    from sr2tflite.networks.pickled import read_pickle

    tensors, wrapper = (read(path)[0], None) if path.suffix == ".safetensors" else read_pickle(path)
    weights = [Weight(key, tuple(one.shape), str(one.dtype).removeprefix("torch.")) for key, one in tensors.items()]
    holdings = Holdings(tuple(weights), wrapper)
    blank = Inspection(path, "checkpoint", "weights, which do not say of what", 0, "", OWN_CLASS)
    return _recognized(replace(blank, parameters=holdings.parameters, holdings=holdings), tensors)


def _named(path: Path, weights: tuple[Weight, ...], facts: dict[str, Any]) -> Inspection:
    """A checkpoint that says what it is of."""
    spec = facts["student"]
    settings = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = str(settings.pop("name", "?"))
    holdings = Holdings(weights, likenesses=(Likeness("student", name, settings, "its metadata"),))
    return Inspection(
        path,
        "checkpoint",
        f"weights of the student {name}",
        0,
        "",
        f"sr2tflite fuse {quoted(path)} -o deploy.onnx",
        parameters=holdings.parameters,
        said=said(facts),
        holdings=holdings,
        unknown=(NOT_TOLD,),
    )


def _recognized(found: Inspection, tensors: Mapping[str, "Tensor"]) -> Inspection:
    """With the networks that the weights may be of, in the order in which ``eval`` asks."""
    from sr2tflite.networks.matching import students_of
    from sr2tflite.networks.teacher import teacher_in

    try:
        teacher = teacher_in(found.path)
    except Sr2TfliteError as error:
        return replace(found, unknown=(_line(error),))
    if teacher is not None:
        settings = teacher.teacher.model_dump(mode="json")
        likeness = Likeness("teacher", teacher.name, settings, "its keys")
        return _with(
            found,
            [likeness],
            words=f"weights of the teacher {teacher.name}, ×{teacher.scale}",
            following=f"sr2tflite eval {quoted(found.path)} --data DIR",
        )
    matches = students_of(tensors)
    if not matches:
        return _of_nothing(found, tensors)
    if len(matches) > 1:
        return _of_several(found, matches)
    return _of_one(found, matches[0], tensors)


def _with(found: Inspection, likenesses: Sequence[Likeness], **changes: Any) -> Inspection:
    assert found.holdings is not None
    return replace(found, holdings=replace(found.holdings, likenesses=tuple(likenesses)), **changes)


def _likeness(match: "Match", *, tells_white: bool = False) -> Likeness:
    settings = match.student.model_dump(mode="json", exclude=set() if tells_white else {"peak"})
    return Likeness("student", match.name, settings, match.known_by, match.assumed)


def _of_one(found: Inspection, match: "Match", tensors: Mapping[str, "Tensor"]) -> Inspection:
    """What white is belongs to a student as well, and the weights may show that they are none."""
    from sr2tflite.networks.checkpoint import refuse_not_finite
    from sr2tflite.networks.matching import with_peak

    where, path = str(found.path), quoted(found.path)
    words = f"weights of the student {match.name}, known by {match.known_by}"
    try:
        refuse_not_finite(tensors, where)
    except InputError as error:
        train = f"sr2tflite train {match.name} --data DIR -o {match.name}.safetensors"
        return _with(found, [_likeness(match)], words=words, unknown=(_line(error),), following=train)
    try:
        match = with_peak(match, tensors, None, where)
    except InputError as error:
        told = f"sr2tflite fuse {path} --peak 255 -o deploy.onnx"
        return _with(found, [_likeness(match)], words=words, unknown=(_line(error),), following=told)
    white = (0.0, float(match.student.peak))
    fuse = f"sr2tflite fuse {path} -o deploy.onnx"
    return _with(
        found,
        [_likeness(match, tells_white=True)],
        words=words,
        said=said({}, white),
        unknown=(NOT_TOLD,),
        following=fuse,
    )


def _of_several(found: Inspection, matches: Sequence["Match"]) -> Inspection:
    names = " or ".join(match.name for match in matches)
    return _with(
        found,
        [_likeness(match) for match in matches],
        words=f"weights of the student {names}",
        unknown=(f"which of them: {len(matches)} students have these shapes; --student says",),
        following=f"sr2tflite fuse {quoted(found.path)} --student {matches[0].name} -o deploy.onnx",
    )


def _of_nothing(found: Inspection, tensors: Mapping[str, "Tensor"]) -> Inspection:
    from sr2tflite.networks import spandrel
    from sr2tflite.networks.matching import misfit

    more = "spandrel has none" if spandrel.is_installed() else f"more are known after {spandrel.INSTALL}"
    return replace(
        found, unknown=(f"a student: {misfit(tensors, str(found.path)).message}", f"another architecture: {more}")
    )


def _line(error: Sr2TfliteError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
