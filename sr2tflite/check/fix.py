"""Rewrites applied to a file one after another, each proved by running both files before it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sr2tflite.check.case import Case
from sr2tflite.check.images import Sample
from sr2tflite.check.rewrites import REWRITES, Rewrite
from sr2tflite.errors import InputError, VerificationError
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.passes.rewritten import Declined
from sr2tflite.runtime import Kernels, LiteRT

PROVED = (Kernels.XNNPACK, Kernels.BUILTIN)
"""What phones' CPUs run, and LiteRT's own kernels without a delegate."""

_TRIED = 2
"""Images that each rewrite is tried on; the result is run on all."""


@dataclass(frozen=True)
class Difference:
    """Two files on the same images, with one family of kernels."""

    kernels: str
    images: int
    values: int
    differ: int
    largest: float
    """In codes; in values where the output is float."""

    def line(self) -> str:
        """In half a line."""
        if not self.differ:
            return f"{self.kernels}: 0 of {self.values:,} values differ"
        share = 100 * self.differ / self.values
        return f"{self.kernels}: {self.differ:,} of {self.values:,} values differ ({share:.3g} %), by at most {self.largest:g}"


@dataclass(frozen=True)
class Step:
    """What came of one rewrite."""

    rewrite: Rewrite
    places: tuple[str, ...]
    """Outputs of the nodes that it changed or took away, or would have."""

    declined: tuple[Declined, ...]
    apart: tuple[Difference, ...]
    """From the file as it was; none where nothing was there to do."""

    refused: str | None = None
    """Why it was not kept."""

    @property
    def is_applied(self) -> bool:
        return bool(self.places) and self.refused is None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "rewrite": self.rewrite.name,
            "exact": self.rewrite.is_exact,
            "applied": self.is_applied,
            "places": list(self.places),
            "refused": self.refused,
            "declined": [{"place": one.place, "reason": one.reason} for one in self.declined],
            "difference": [vars(one) for one in self.apart],
        }


@dataclass(frozen=True)
class Fix:
    """A file made anew, and the proof."""

    before: Graph
    after: Graph
    data: bytes
    """Of the new file."""

    steps: tuple[Step, ...]
    proof: tuple[Difference, ...]
    """On all images."""

    @property
    def has_changed(self) -> bool:
        return any(step.is_applied for step in self.steps)

    @property
    def is_equal(self) -> bool:
        return not any(one.differ for one in self.proof)


def fix(case: Case, *, allow_difference: bool = False) -> Fix:
    """Apply what can be applied.

    Args:
        case: The file, and the images that it is tried on.
        allow_difference: Keep rewrites that change bytes, and say how many; otherwise they are not kept.

    Raises:
        InputError: LiteRT does not run the file.
        UnsupportedError: It holds an op that is not written here, so that no file can be made of it.
        VerificationError: Rewrites that must change no byte changed one, on an image that they were not tried on.
    """
    graph, data, steps = case.graph, tflite.write(case.graph), []
    for done, rewrite in enumerate(REWRITES.values()):
        case.progress("rewriting", done, len(REWRITES), rewrite.name)
        step, graph, data = _step(case, rewrite, graph, data, allow_difference)
        steps.append(step)
    has_changed = any(step.is_applied for step in steps)
    proof = _apart(case, data, case.samples.images) if has_changed else ()
    found = Fix(case.graph, graph, data, tuple(steps), proof)
    if not found.is_equal and not allow_difference:
        names = ", ".join(step.rewrite.name for step in steps if step.is_applied)
        raise VerificationError(
            f"{names} changed bytes: {'; '.join(one.line() for one in proof)}; expected 0",
            where=str(case.path),
            hint="a rewrite that is not exact on this file: report it; --allow-difference writes it all the same",
        )
    return found


def _step(
    case: Case, rewrite: Rewrite, graph: Graph, data: bytes, allow_difference: bool
) -> tuple[Step, Graph, bytes]:
    """One rewrite, tried; and the graph and file to go on with."""
    done = rewrite.apply(graph)
    if not done.places:
        return Step(rewrite, (), done.declined, ()), graph, data
    written = tflite.write(done.graph)
    try:
        apart = _apart(case, written, case.samples.images[:_TRIED])
    except InputError as error:
        return Step(rewrite, done.places, done.declined, (), error.message), graph, data
    if any(one.differ for one in apart) and not allow_difference:
        refused = "; ".join(one.line() for one in apart if one.differ)
        return Step(rewrite, done.places, done.declined, apart, refused), graph, data
    return Step(rewrite, done.places, done.declined, apart), done.graph, written


def _apart(case: Case, data: bytes, images: Sequence[Sample]) -> tuple[Difference, ...]:
    return tuple(_difference(case, data, images, kernels) for kernels in PROVED)


def _difference(case: Case, data: bytes, images: Sequence[Sample], kernels: Kernels) -> Difference:
    engine = LiteRT(data, kernels, case.threads)
    values, differ, largest = 0, 0, 0.0
    for done, sample in enumerate(images):
        case.progress(f"comparing, {kernels.value}", done, len(images), sample.name)
        found, wanted = engine.run(case.codes(sample.pixels), strict=False), case.run(sample.pixels, kernels)
        distance = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
        values, differ = values + found.size, differ + int(np.count_nonzero(found != wanted))
        largest = max(largest, float(distance.max(initial=0)))
    return Difference(kernels.value, len(images), values, differ, largest)
