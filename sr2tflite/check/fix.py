"""Rewrites applied to a file one after another, each proved by running both files before it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.check.case import Case
from sr2tflite.check.images import Sample, Samples
from sr2tflite.check.rewrites import REWRITES, Rewrite
from sr2tflite.errors import InputError, VerificationError
from sr2tflite.evaluate.runners.tflite import survived
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
        said = f"{self.kernels}: {self.differ:,} of {self.values:,} values differ"
        share = 100 * self.differ / self.values
        return f"{said} ({share:.3g} %), by at most {self.largest:g}" if self.differ else said


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

    images: str
    """In words."""

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
    graph, steps, original = case.graph, [], _Original(case)
    for done, rewrite in enumerate(REWRITES.values()):
        case.progress("rewriting", done, len(REWRITES), rewrite.name)
        step, graph = _step(original, rewrite, graph, allow_difference)
        steps.append(step)
    data = tflite.write(graph)
    images = _proving(case)
    has_changed = any(step.is_applied for step in steps)
    proof = original.apart(data, images.images) if has_changed else ()
    found = Fix(case.graph, graph, data, tuple(steps), proof, images.words)
    if not found.is_equal and not allow_difference:
        names = ", ".join(step.rewrite.name for step in steps if step.is_applied)
        raise VerificationError(
            f"{names} changed bytes: {'; '.join(one.line() for one in proof)}; expected 0",
            where=str(case.path),
            hint="a rewrite that is not exact on this file: report it; --allow-difference writes it all the same",
        )
    return found


def _proving(case: Case) -> Samples:
    """The case's images; of a free size on their side too, because what is the same at one size may be so by chance."""
    found = case.samples
    if any(size is not None for size in case.graph.input.shape[1:3]):
        return found
    turned = [Sample(f"{one.name}, on its side", one.pixels.transpose(1, 0, 2).copy()) for one in found.images]
    return Samples((*found.images, *turned), f"{found.words}, upright and on their side")


def _step(original: "_Original", rewrite: Rewrite, graph: Graph, allow_difference: bool) -> tuple[Step, Graph]:
    """One rewrite, tried; and the graph to go on with."""
    done = rewrite.apply(graph)
    if not done.places:
        return Step(rewrite, (), done.declined, ()), graph
    written = tflite.write(done.graph)
    try:
        survived(written, str(original.case.path))
        apart = original.apart(written, original.case.samples.images[:_TRIED])
    except InputError as error:
        return Step(rewrite, done.places, done.declined, (), error.message), graph
    if any(one.differ for one in apart) and not allow_difference:
        refused = "; ".join(one.line() for one in apart if one.differ)
        return Step(rewrite, done.places, done.declined, apart, refused), graph
    return Step(rewrite, done.places, done.declined, apart), done.graph


class _Original:
    """The file as it was, whose outputs others are compared with."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._kept: dict[tuple[str, Kernels], NDArray[Any]] = {}
        """Of the images that every rewrite is tried on."""

    def apart(self, data: bytes, images: Sequence[Sample]) -> tuple[Difference, ...]:
        """How far another file's outputs are from its own."""
        return tuple(self._difference(data, images, kernels) for kernels in PROVED)

    def _difference(self, data: bytes, images: Sequence[Sample], kernels: Kernels) -> Difference:
        case, engine = self.case, LiteRT(data, kernels, self.case.threads)
        values, differ, largest = 0, 0, 0.0
        for done, sample in enumerate(images):
            case.progress(f"comparing, {kernels.value}", done, len(images), sample.name)
            found, wanted = engine.run(case.codes(sample.pixels), strict=False), self._output(sample, kernels)
            values, differs = values + found.size, found != wanted
            if differs.any():
                distance = np.abs(found[differs].astype(np.float64) - wanted[differs].astype(np.float64))
                differ, largest = differ + distance.size, max(largest, float(distance.max()))
        return Difference(kernels.value, len(images), values, differ, largest)

    def _output(self, sample: Sample, kernels: Kernels) -> NDArray[Any]:
        key = sample.name, kernels
        if key in self._kept:
            return self._kept[key]
        output = self.case.run(sample.pixels, kernels)
        if sample in self.case.samples.images[:_TRIED]:
            self._kept[key] = output
        return output
