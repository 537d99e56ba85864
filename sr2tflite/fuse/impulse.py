"""Kernel and bias of an affine, shift-invariant map from its impulse responses.

A map that gives one pixel for every s × s of its input is a convolution with stride s: each of the s² phases of an
impulse meets every s-th tap of the kernel, and together they meet all.

Legend: weights are OIHW, images NCHW with batch 1; all in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NOISE = 1e-14
"""Responses under this part of the largest value are rounding noise, not kernel."""


@dataclass(frozen=True)
class Kernel:
    """A convolution: ``y[o, q] = Σᵢₜ weight[o, i, t] · x[i, s·q + t] + bias[o]``, x zero outside, ``⌈H / s⌉`` rows."""

    weight: Tensor
    """OIHW; odd sizes, centered."""

    bias: Tensor
    """One value per output channel."""

    stride: int = 1
    """The s above."""

    @property
    def radius(self) -> tuple[int, int]:
        height, width = self.weight.shape[2:]
        return height // 2, width // 2

    @property
    def macs(self) -> int:
        return self.weight.numel()

    def __call__(self, x: Tensor) -> Tensor:
        """The convolution of an image."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.radius)


def extract(function: Callable[[Tensor], Tensor], shape: tuple[int, ...], stride: int = 1) -> Kernel | None:
    """The kernel that ``function`` applies if it is affine and shift-invariant.

    With δ_c one at p in channel c and zero elsewhere, ``f(δ_c)[o, q] − f(0)[o, q]`` is ``weight[o, c, p − s·q]``,
    and ``bias[o] = f(0)[o]`` at the center; s places p side by side, along each axis, meet every tap once.

    Args:
        function: [1, I, H, W] → [1, O, ⌈H/s⌉, ⌈W/s⌉].
        shape: [1, I, H, W].
        stride: The s.

    Returns:
        The kernel trimmed to its odd, centered support; None when the support reaches the image's edge, so that its
        size is not known.
    """
    _, _, height, width = shape
    middle = height // stride // 2, width // stride // 2
    silence = function(torch.zeros(shape, dtype=torch.float64))
    taps_OIHW, center = _taps(function, silence, shape, (middle[0] * stride, middle[1] * stride), stride)
    floor = NOISE * max(float(taps_OIHW.abs().max()), float(silence.abs().max()))
    reach = _reach(taps_OIHW.abs() > floor, center)
    sizes = taps_OIHW.shape[2:]
    if any(r >= min(c, size - 1 - c) for r, c, size in zip(reach, center, sizes, strict=True)):
        return None
    rows, columns = (slice(c - r, c + r + 1) for r, c in zip(reach, center, strict=True))
    return Kernel(taps_OIHW[:, :, rows, columns].contiguous(), silence[0, :, *middle].clone(), stride)


def _taps(
    function: Callable[[Tensor], Tensor], silence: Tensor, shape: tuple[int, ...], start: tuple[int, int], stride: int
) -> tuple[Tensor, tuple[int, int]]:
    """Every tap that the image has room for, and which of them is the center (p = s·q)."""
    _, outputs, rows, columns = silence.shape
    responses = torch.empty(outputs, shape[1], rows, stride, columns, stride, dtype=torch.float64)
    for channel in range(shape[1]):
        for i in range(stride):
            for j in range(stride):
                impulse = torch.zeros(shape, dtype=torch.float64)
                impulse[0, channel, start[0] + i, start[1] + j] = 1.0
                # q falls while the tap p − s·q rises
                responses[:, channel, :, i, :, j] = (function(impulse) - silence)[0].flip(1, 2)
    center = (rows - 1) * stride - start[0], (columns - 1) * stride - start[1]
    return responses.reshape(outputs, shape[1], rows * stride, columns * stride), center


def _reach(support: Tensor, center: tuple[int, int]) -> tuple[int, int]:
    where = support.flatten(0, 1).any(0).nonzero()
    if not len(where):
        return 0, 0
    rows, columns = (where - torch.tensor(center)).abs().amax(0).tolist()
    return int(rows), int(columns)
