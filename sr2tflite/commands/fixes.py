"""Carrying out the fixes of a budget that need no training, and measuring them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from sr2tflite.commands.ptq import Calibration, calibration_images, read_float, spread
from sr2tflite.errors import InputError
from sr2tflite.evaluate.budget.advice import WORTH
from sr2tflite.evaluate.budget.measure import mean_quality
from sr2tflite.evaluate.budget.result import Budget, Fix, Quality, Row
from sr2tflite.evaluate.budget.samples import Samples
from sr2tflite.evaluate.budget.subject import Subject
from sr2tflite.evaluate.metrics import psnr
from sr2tflite.files import write_bytes
from sr2tflite.graph import onnx
from sr2tflite.progress import Progress, silent
from sr2tflite.provenance import CALIBRATED_ON, listed
from sr2tflite.quant.limits import Range
from sr2tflite.quant.ranges import find_ranges, middle
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView

Image = NDArray[np.uint8]

ROWS = 5
"""How many activations have their range tried anew."""

IMAGES = 8
"""How many calibration images choose among ranges."""

METHODS = {
    "min–max": PtqSettings(method="minmax"),
    "percentile 99.999": PtqSettings(method="percentile", percentile=99.999),
    "percentile 99.99": PtqSettings(method="percentile", percentile=99.99),
}
FACTORS = (0.8, 0.9, 1.15)
"""Of the range it has."""

REMADE: dict[str, dict[str, Any]] = {
    "all of ptq's defaults": {},
    "no equalization": {"equalize": False},
    "no bias correction": {"bias_correction": False},
    "weights rounded to the nearest": {"rounding": "nearest"},
    "ranges by percentile": {"method": "percentile"},
    "min–max ranges": {"method": "minmax"},
}
"""Post-training quantization told otherwise."""


@dataclass(frozen=True)
class Trial:
    """How fixes are tried."""

    calibrate: tuple[Path, ...]
    """Folders of HR images by which they are chosen; others than those that judge them."""

    out: Path | None = None
    """The ``.onnx`` to write with the ranges that helped, if any is wanted."""


def tried(
    trial: Trial, budget: Budget, subject: Subject, samples: Samples, source: Path, progress: Progress = silent
) -> Budget:
    """The budget with measured fixes.

    The ranges of the most expensive activations are tried one after the other on the whole file: what brings INT8
    nearest to float on the calibration images is kept, and measured on the budget's images. A file that is a rounding
    of its float graph is also made anew with other settings of ``ptq``; one that was trained is not, for that would
    undo the training.

    Args:
        trial: How.
        budget: Of the same subject and samples.
        subject: The quantized graph.
        samples: The budget's images.
        source: The float file.
        progress: Told how it goes.

    Raises:
        InputError: There are no calibration images, or some of them are the budget's.
        UnsupportedError: The quantized graph is one that cannot be trained or calibrated here.
    """
    if not trial.calibrate:
        raise InputError(
            "no images to choose fixes by", where=budget.model, hint="say --calibrate DIR; other images than --data"
        )
    seen = calibration_images(trial.calibrate, subject.graph, PtqSettings().images)
    _refuse_shared(seen, samples)
    workshop = _Workshop(budget, subject, samples, seen, progress)
    result = workshop.with_ranges()
    if trial.out is not None:
        workshop.write(trial.out)
    if subject.float_side.holds_weights:
        result = replace(result, fixes=(*result.fixes, *workshop.remade(source, trial.calibrate)))
    return result


def _refuse_shared(seen: Calibration, samples: Samples) -> None:
    shared = [image.name for image in samples.images if image.ids & set(seen.ids)]
    if shared:
        raise InputError(
            f"{len(shared)} images would choose fixes and judge them: {', '.join(shared[:5])}",
            hint="calibrate on other images",
        )


class _Workshop:
    """One file whose ranges are changed step by step."""

    def __init__(
        self, budget: Budget, subject: Subject, samples: Samples, seen: Calibration, progress: Progress
    ) -> None:
        self.budget, self.subject, self.samples, self.seen, self.progress = budget, subject, samples, seen, progress
        self.view = QuantizedView.from_quantized(subject.graph)
        self._chosen = [seen.images[index] for index in spread(len(seen.images), IMAGES)]
        patches = [middle(image)[0].permute(1, 2, 0).numpy().astype(np.uint8) for image in self._chosen]
        self._patches = [(patch, subject.float_pixels(patch)) for patch in patches]

    def with_ranges(self) -> Budget:
        """The budget, with the ranges of its most expensive activations tried, each on top of those before it."""
        targets = [row for row in self.budget.rows if self._is_free(row)][:ROWS]
        found = {name: find_ranges(self.view.plan, self._chosen, told) for name, told in METHODS.items()}
        fixes: dict[str, Fix] = {}
        kept: list[str] = []
        before = self.budget.int8
        for done, row in enumerate(targets, 1):
            index = self.view.plan.group_of[row.tensor]
            what = self._improved(row.tensor, {name: ranges[index] for name, ranges in found.items()})
            after = self._quality(self.view) if what else before
            told = f"range: {what}" if what else "range: none tried is better than its own"
            fixes[row.tensor] = Fix(told, None, "measured", after.above(before))
            before, kept = after, [*kept, row.name] if what else kept
            self.progress("trying ranges", done, len(targets), row.name)
        rows = tuple(row.with_fixes(fixes[row.tensor]) if row.tensor in fixes else row for row in self.budget.rows)
        whole = Fix(f"these ranges together: {', '.join(kept)}", None, "measured", before.above(self.budget.int8))
        return replace(self.budget, rows=rows, fixes=(whole,) if kept else ())

    def _is_free(self, row: Row) -> bool:
        """Whether an activation is worth trying, and its range's ends are ours to choose: none is a clip."""
        low, high = self.subject.float_side.bounds.get(row.tensor, (-inf, inf))
        if row.kind != "activation" or row.cost.against_float < WORTH or high < inf or low not in (-inf, 0):
            return False
        return self.view.plan.group_of[row.tensor] in self.view.ranges()

    def _improved(self, tensor: str, candidates: dict[str, Range]) -> str | None:
        """Give a tensor the best of some ranges, and of its own made wider and narrower; None if it keeps its own."""
        own = self.view.ranges()[self.view.plan.group_of[tensor]]
        candidates = candidates | {f"{factor:g} times as wide": own.widened(factor) for factor in FACTORS}
        best, chosen, least = None, own, self._score()
        for name, candidate in candidates.items():
            self.view.set_range(tensor, candidate)
            if (score := self._score()) > least:
                best, chosen, least = f"{name}, {candidate.low:.4g} to {candidate.high:.4g}", candidate, score
        self.view.set_range(tensor, chosen)
        return best

    def _score(self) -> float:
        """Mean PSNR against float on the calibration images."""
        return float(np.mean([psnr(self.view.upscale(patch), wanted) for patch, wanted in self._patches]))

    def write(self, out: Path) -> None:
        """The file with the ranges as they are now."""
        graph = self.view.freeze()
        graph.metadata[CALIBRATED_ON] = listed([*graph.metadata.get(CALIBRATED_ON, "").split(), *self.seen.ids])
        write_bytes(out, onnx.write(graph))

    def remade(self, source: Path, calibrate: Sequence[Path]) -> Iterator[Fix]:
        """The float graph quantized again, each time told otherwise."""
        graph, folders = read_float(source), " ".join(f"--calibrate {folder}" for folder in calibrate)
        for done, (what, told) in enumerate(REMADE.items(), 1):
            view = QuantizedView.from_float(graph, self.seen.images, PtqSettings.model_validate(told))
            said = "".join(f" --set {key}={yaml.safe_dump(value).split()[0]}" for key, value in told.items())
            command = f"sr2tflite ptq {source} {folders} -o ptq.onnx{said}"
            yield Fix(what, command, "measured", self._quality(view).above(self.budget.int8))
            self.progress("quantizing anew", done, len(REMADE), what)

    def _quality(self, view: QuantizedView) -> Quality:
        """A whole file on the budget's images."""
        found = []
        for image in self.samples.images:
            lr, hr = image.load()
            found.append(self.subject.judged(view.upscale(lr), self.subject.float_pixels(lr), hr))
        return mean_quality(found)
