"""Bias correction: what rounding shifts on average is given back to the biases, without training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.progress import Progress, silent
from sr2tflite.quant.ranges import middle
from sr2tflite.torch_view import FloatView

if TYPE_CHECKING:
    from sr2tflite.quant.view import QuantizedView

SMALLEST_SHARE = 0.1
"""A channel that hardly ever leaves an end of its range is not pushed harder than ten times the difference."""


def correct_biases(view: "QuantizedView", images: Sequence[NDArray[np.uint8]], *, progress: Progress = silent) -> None:
    """Make the mean of every channel of every convolution that of the float graph, front to back.

    ``b ← b + (mean(clip(y, l, u)) − mean(s·v)) / p`` over the images, after the layers before it are corrected; y is
    the float output, v the centered codes, and p the share of codes that a bias moves: those inside the range.

    References:
        Data-Free Quantization Through Weight Equalization and Bias Correction (Nagel et al., 2019),
        https://arxiv.org/abs/1906.04721, section 4.2; here measured on images, after the activation.
    """
    patches = [middle(image) for image in images]
    wanted = _float_means(view, patches)
    layers = view.layer_names()
    for done, name in enumerate(layers, start=1):
        mean, movable = _quantized_mean(view, patches, name)
        with torch.no_grad():
            view.layer(name).bias.add_((wanted[name] - mean) / movable)
        progress("correcting biases", done, len(layers))


def _float_means(view: "QuantizedView", patches: Sequence[Tensor]) -> dict[str, Tensor]:
    """Per convolution the mean of every channel, clipped as its codes are."""
    float_view, names = FloatView(view.plan.graph), view.layer_names()
    spans = {name: view.grid(name).span for name in names}
    sums = {name: torch.zeros(()) for name in names}
    with torch.no_grad():
        for patch in patches:
            values = float_view.activations(patch)
            sums = {name: sums[name] + values[name].clamp(*spans[name]).mean((0, 2, 3)) for name in names}
    return {name: total / len(patches) for name, total in sums.items()}


def _quantized_mean(view: "QuantizedView", patches: Sequence[Tensor], name: str) -> tuple[Tensor, Tensor]:
    """(mean real value, share of codes strictly inside the range), per channel."""
    grid, grids = view.grid(name), view.grids()
    mean = movable = torch.zeros(())
    with torch.no_grad():
        for patch in patches:
            codes = next(codes for node, codes in view.codes(patch, grids) if node.output == name)
            mean = mean + grid.scale * codes.mean((0, 2, 3))
            movable = movable + ((codes > grid.low) & (codes < grid.high)).float().mean((0, 2, 3))
    return mean / len(patches), (movable / len(patches)).clamp(min=SMALLEST_SHARE)
