"""Which student a bare state dict belongs to: by its keys where they are ours, by its shapes in order otherwise."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sr2tflite.errors import InputError, RecipeError
from sr2tflite.networks.probe import PLAUSIBLE_DB, enlargement_db
from sr2tflite.networks.students import STUDENTS, Published, Student
from sr2tflite.registry import nearest

NEAREST = 3
"""As many students are named where none fits."""

PEAKS = (1, 255)

CLEARLY_DB = 3.0
"""A network with small biases works in both; by less than this the default is not overruled."""

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Match:
    """A student whose state dict a file's could be."""

    name: str
    student: Student
    keys: dict[str, str]
    """Our key → the file's."""

    assumed: tuple[str, ...]
    """Settings that neither the file nor the caller tell: their defaults hold."""

    published: Published | None = None
    """How the file's keys are understood, where they are those its authors publish."""

    @property
    def is_by_keys(self) -> bool:
        return all(ours == theirs for ours, theirs in self.keys.items())

    @property
    def known_by(self) -> str:
        """What tells it."""
        if self.is_by_keys:
            return "its keys"
        return "published keys" if self.published else "shapes in order"

    @property
    def says_white(self) -> bool:
        """Whether what white is need not be looked for."""
        return self.is_by_keys or (self.published is not None and "peak" in self.published.settings)

    def __str__(self) -> str:
        told = self.student.model_dump(exclude={*self.assumed, "peak"})
        return f"{self.name} ({', '.join(f'{key}={value}' for key, value in told.items())})"

    def module(self, weights: Weights) -> nn.Module:
        """The student with these weights."""
        module = self.student.build()
        module.load_state_dict({ours: weights[theirs] for ours, theirs in self.keys.items()})
        return module.eval()


@dataclass(frozen=True)
class Misfit:
    """A student whose state dict it is not."""

    name: str
    fitting: int
    """Tensors, from the first, whose shapes agree."""

    why: str
    hint: str | None = None


def find(weights: Weights, spec: str | dict[str, Any] | None, where: str) -> Match:
    """The one student that the tensors of a state dict fit.

    A student fits by its keys or those its authors publish, in any order, or by its shapes in order, whatever the keys;
    the former win.

    Args:
        weights: The tensors, in the file's order.
        spec: Name, or name and settings, where the caller knows; the shapes tell the other settings.
        where: The file.

    Raises:
        RecipeError: An unknown student or setting.
        InputError: None fits, or several do.
    """
    fields = {"name": spec} if isinstance(spec, str) else dict(spec or {})
    name = fields.pop("name", None)
    if spec is not None:
        STUDENTS.parse({"name": name, **fields})
    tried = [_fit(one, fields, weights) for one in ([name] if name else STUDENTS.names())]
    found = _fitting(tried)
    if len(found) == 1:
        return found[0]
    if not found:
        raise _nothing([one for one in tried if isinstance(one, Misfit)], where)
    names = " or ".join(match.name for match in found)
    raise InputError(
        f"{len(found)} students have these shapes: {'; '.join(map(str, found))}",
        where=where,
        hint=f"--student NAME, which is {names}",
    )


def students_of(weights: Weights) -> list[Match]:
    """Every student that a state dict may be of: those that fit by keys or, where there are none, by shapes."""
    return _fitting(_fit(name, {}, weights) for name in STUDENTS.names())


def misfit(weights: Weights, where: str) -> InputError:
    """Why a state dict that fits no student does not: the nearest ones, each with the first difference."""
    tried = [_fit(name, {}, weights) for name in STUDENTS.names()]
    return _nothing([one for one in tried if isinstance(one, Misfit)], where)


def _fitting(tried: Iterable[Match | Misfit | None]) -> list[Match]:
    matches = [one for one in tried if isinstance(one, Match)]
    return [match for match in matches if match.is_by_keys or match.published] or matches


def _fit(name: str, fields: dict[str, Any], weights: Weights) -> Match | Misfit | None:
    known = STUDENTS[name].published(weights)
    if known is not None:
        weights = {ours: weights[theirs] for ours, theirs in known.keys.items()}
    shapes = [tuple(value.shape) for value in weights.values()]
    guess = STUDENTS[name].settings_from(shapes)
    if guess is None and not fields:
        return None
    told = {**(guess or {}), **(known.settings if known else {}), **fields}
    try:
        student = STUDENTS.parse({"name": name, **told})[1]
    except RecipeError:
        return None
    with torch.device("meta"):
        expected = student.build().state_dict()
    assumed = tuple(key for key in STUDENTS[name].model_fields if key not in told and key != "peak")
    by_key = key_difference(expected, weights)
    if known is not None:
        shared = len(expected.keys() & weights.keys())
        return Misfit(name, shared, *by_key) if by_key else Match(name, student, known.keys, assumed, known)
    if by_key is None:
        return Match(name, student, {key: key for key in expected}, assumed)
    pairs = itertools.zip_longest(expected.items(), weights.items(), fillvalue=None)
    for number, (ours, theirs) in enumerate(pairs):
        if ours is None or theirs is None or not _alike(ours[1], theirs[1]):
            shared = len(expected.keys() & weights.keys())
            if 2 * shared > len(expected):
                return Misfit(name, shared, *by_key)
            label = f"{name} ({', '.join(f'{key}={value}' for key, value in told.items())})"
            return Misfit(name, number, f"{label}: {_told(ours, theirs)}")
    return Match(name, student, dict(zip(expected, weights, strict=True)), assumed)


def key_difference(expected: Weights, weights: Weights) -> tuple[str, str | None] | None:
    """The first thing in which a state dict differs from a student's own, key by key: (what, hint)."""
    unknown = sorted(weights.keys() - expected.keys())
    missing = sorted(expected.keys() - weights.keys())
    if unknown:
        return f"key {unknown[0]!r} does not fit the student", nearest(unknown[0], missing)
    if missing:
        return f"key {missing[0]!r} is missing", "is it the right student?"
    for key, wanted in expected.items():
        if not _alike(wanted, weights[key]):
            return f"key {_told((key, wanted), (key, weights[key]))}", "is it the right student?"
    return None


def _alike(ours: Tensor, theirs: Tensor) -> bool:
    return ours.shape == theirs.shape and ours.is_floating_point() == theirs.is_floating_point()


def _told(ours: tuple[str, Tensor] | None, theirs: tuple[str, Tensor] | None) -> str:
    """The first difference, in words."""
    if theirs is None:
        assert ours is not None
        return f"ends where {ours[0]!r} {list(ours[1].shape)} is expected"
    if ours is None:
        return f"{theirs[0]!r} {list(theirs[1].shape)} is one too many"
    if ours[1].shape == theirs[1].shape:
        return f"{theirs[0]!r} is {theirs[1].dtype}; expected {ours[1].dtype}"
    return f"{theirs[0]!r} has shape {list(theirs[1].shape)}; expected {list(ours[1].shape)}"


def _nothing(misfits: list[Misfit], where: str) -> InputError:
    """Why none fits: the nearest ones, each with the first difference."""
    hint = "fuse your own class: sr2tflite fuse package.module:Class -o deploy.onnx"
    some = [one for one in misfits if one.fitting or len(misfits) == 1]
    close = sorted(some, key=lambda misfit: -misfit.fitting)[:NEAREST]
    if close and close[0].hint:
        return InputError(close[0].why, where=where, hint=close[0].hint)
    reasons = "; ".join(misfit.why for misfit in close)
    return InputError(f"fits no student; {reasons or 'its shapes are those of none'}", where=where, hint=hint)


def with_peak(match: Match, weights: Weights, peak: int | None, where: str) -> Match:
    """The match with what white is: as told, as the file says, or as the network shows by enlarging a picture.

    Raises:
        InputError: It is not told, and the network enlarges a picture with neither.
    """
    if peak is not None:
        return _peaked(match, peak)
    if match.says_white:
        return match
    default = match.student.peak
    decibels = {}
    for candidate in PEAKS:
        trial = _peaked(match, candidate)
        decibels[candidate] = enlargement_db(trial.module(weights), trial.student.scale, candidate)
    best = max(PEAKS, key=decibels.__getitem__)
    if decibels[best] >= PLAUSIBLE_DB:
        return _peaked(match, best if decibels[best] > decibels[default] + CLEARLY_DB else default)
    tried = " and ".join(f"{value:.1f} dB with white at {key}" for key, value in decibels.items())
    assumed = "".join(f", --student-set {key}=…" for key in match.assumed)
    raise InputError(
        f"as {match} it does not enlarge a picture: {tried}; expected at least {PLAUSIBLE_DB:g} dB",
        where=where,
        hint=f"say what it is: --peak 1 or --peak 255{assumed}",
    )


def _peaked(match: Match, peak: int) -> Match:
    student = match.student.model_copy(update={"peak": peak})
    return replace(match, student=student)
