"""The ranges a float graph's activations take on real images."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.progress import Progress, silent
from sr2tflite.quant.histogram import Histogram
from sr2tflite.quant.limits import Range
from sr2tflite.quant.plan import Plan
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.torch_view import FloatView

Image = NDArray[np.uint8]
MIDDLE = 96
"""Where one part of an image says enough, it is its middle, at most this high and wide."""

TILE = 256
"""Images are looked at in tiles of at most this side, so that memory does not depend on their size."""


def find_ranges(
    plan: Plan, images: Sequence[Image], settings: PtqSettings | None = None, *, progress: Progress = silent
) -> dict[int, Range]:
    """The range of each group that is not fixed.

    Args:
        plan: The graph and its groups.
        images: Low-resolution images, uint8, height × width × 3.
        settings: The method, ``percentile`` or ``minmax``; for ``mse`` see ``balance``.
        progress: Told after each image.

    Raises:
        InputError: There are no images.
    """
    settings = settings or PtqSettings()
    if not images:
        raise InputError("no images to calibrate on; expected at least 1")
    histograms, view = _histograms(plan), FloatView(plan.graph)
    for done, image in enumerate(images, start=1):
        for tile in tiles(image):
            _observe(plan, view, to_pixels(tile), histograms)
        progress("calibrating", done, len(images))
    return _chosen(plan, histograms, settings)


def ranges_in(plan: Plan, pixels: torch.Tensor, settings: PtqSettings) -> dict[int, Range]:
    """What ``find_ranges`` says of one batch.

    Args:
        plan: The graph and its groups.
        pixels: Batch × 3 × height × width, integers 0…255.
        settings: The method, ``percentile`` or ``minmax``.

    Returns:
        The range of each group that is not fixed and has a tensor in the graph.
    """
    histograms = {i: h for i, h in _histograms(plan).items() if plan.groups[i].tensors[0] in plan.graph.tensors}
    _observe(plan, FloatView(plan.graph).to(pixels.device), pixels, histograms)
    return _chosen(plan, histograms, settings)


def _histograms(plan: Plan) -> dict[int, Histogram]:
    return {index: Histogram() for index, group in enumerate(plan.groups) if not group.fixed}


def _chosen(plan: Plan, histograms: Mapping[int, Histogram], settings: PtqSettings) -> dict[int, Range]:
    choose = _METHODS[settings.method]
    found = {index: choose(histogram, settings) for index, histogram in histograms.items()}
    # a percentile of what is never negative is not, either
    return {i: Range(min(r.low, 0.0), max(r.high, 0.0)).within(plan.groups[i]) for i, r in found.items()}


def tiles(image: Image) -> list[Image]:
    """An image in parts of at most ``TILE`` × ``TILE`` pixels."""
    height, width = image.shape[:2]
    return [
        image[top : top + TILE, left : left + TILE] for top in range(0, height, TILE) for left in range(0, width, TILE)
    ]


def to_pixels(image: Image) -> torch.Tensor:
    """An image as 1 × 3 × height × width float32."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()


def middle(image: Image, most: int = MIDDLE) -> torch.Tensor:
    """The middle of an image, at most ``most`` pixels high and wide, as 1 × 3 × height × width float32."""
    top, left = (max(size - most, 0) // 2 for size in image.shape[:2])
    return to_pixels(image[top : top + most, left : left + most])


def _observe(plan: Plan, view: FloatView, pixels: torch.Tensor, histograms: Mapping[int, Histogram]) -> None:
    with torch.no_grad():
        values: dict[str, Any] = view.activations(pixels)
    for name, value in values.items():
        index = plan.group_of.get(name, -1)  # what holds a simulation's codes within their ends has no group
        if index in histograms:
            histograms[index].add(value.clamp(plan.groups[index].low, plan.groups[index].high))


def _percentile(histogram: Histogram, settings: PtqSettings) -> Range:
    share = settings.percentile / 100
    return Range(histogram.percentile(1 - share), histogram.percentile(share))


def _minmax(histogram: Histogram, _settings: PtqSettings) -> Range:
    return Range(histogram.low, histogram.high)


_METHODS: dict[str, Callable[[Histogram, PtqSettings], Range]] = {
    "percentile": _percentile,
    "minmax": _minmax,
}
