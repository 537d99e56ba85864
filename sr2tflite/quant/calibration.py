"""Post-training quantization, stage by stage: before there is a view, and on it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Graph
from sr2tflite.progress import Progress, silent
from sr2tflite.quant.adaround import ada_round
from sr2tflite.quant.balance import balance
from sr2tflite.quant.bias import correct_biases
from sr2tflite.quant.branches import Branched, Forward, branch
from sr2tflite.quant.finetune import finetune_ranges
from sr2tflite.quant.limits import Range
from sr2tflite.quant.omse import clip_weights
from sr2tflite.quant.plan import Plan, plan_quantization
from sr2tflite.quant.ranges import find_ranges
from sr2tflite.quant.rounding import round_weights
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.simulation import plan_simulation

if TYPE_CHECKING:
    from sr2tflite.quant.view import QuantizedView

Images = Sequence[NDArray[np.uint8]]


def planned(
    graph: Graph, images: Images, settings: PtqSettings, forward: Forward, *, progress: Progress = silent
) -> Branched:
    """The plan of a float graph, with gains and branches as the settings ask for them, and its ranges.

    Args:
        graph: A float graph.
        images: Low-resolution images, uint8, height × width × 3.
        settings: What is asked for.
        forward: How a plan computes.
        progress: Told how it goes.

    Raises:
        InputError: There are no images.
        UnsupportedError: An op cannot be quantized here.
    """
    if settings.placement == "paper":
        start = plan_simulation(graph, settings.bits)
    else:
        start = plan_quantization(graph, settings.bits, lift_skips=settings.lift_skips)
    plan, ranges = _with_ranges(start, images, settings, settings.equalize, progress)
    if settings.branches is None:
        return Branched(plan, ranges, ())
    found = branch(plan, ranges, images, settings.branches, settings.bits, forward, progress=progress)
    if not any(layer.split for layer in found.layers):
        return found
    return Branched(*_with_ranges(found.plan, images, settings, False, progress), found.layers)


def _with_ranges(
    plan: Plan, images: Images, settings: PtqSettings, equalize: bool, progress: Progress
) -> tuple[Plan, dict[int, Range]]:
    ranges: dict[int, Range] = {}
    if equalize or settings.method == "mse":
        balanced = balance(plan, images, settings.weights, equalize=equalize)
        plan, ranges = balanced.plan, balanced.ranges
    if settings.method != "mse":
        ranges = find_ranges(plan, images, settings, progress=progress)
    return plan, ranges


def refine(view: "QuantizedView", images: Images, settings: PtqSettings, *, progress: Progress = silent) -> None:
    """Clip and round weights, correct biases and finetune ranges, each where the settings ask for it."""
    if settings.weight_range != "max":
        clip_weights(view, images, settings.weight_range)
    if settings.rounding == "covariance":
        round_weights(view, images, progress=progress)
    elif settings.rounding == "adaround":
        ada_round(view, images, progress=progress)
    if settings.bias_correction:
        correct_biases(view, images, progress=progress)
    if settings.finetune is not None:
        finetune_ranges(view, images, settings.finetune, progress=progress)
