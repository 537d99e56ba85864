"""Kernel and bias of an affine, shift-invariant map from its impulse responses.

Legend: weights are OIHW, images NCHW with batch 1; all in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

NOISE = 1e-14
"""Responses under this part of the largest value are rounding noise, not kernel."""


@dataclass(frozen=True)
class Kernel:
    """A convolution: ``y[o] = Σᵢ weight[o, i] ⋆ x[i] + bias[o]``, zero padded to the size of x."""

    weight: Tensor
    """OIHW; odd sizes, centered."""

    bias: Tensor
    """One value per output channel."""

    @property
    def radius(self) -> tuple[int, int]:
        height, width = self.weight.shape[2:]
        return height // 2, width // 2

    @property
    def macs(self) -> int:
        return self.weight.numel()


def extract(function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> Kernel | None:
    """The kernel that ``function`` applies if it is affine and shift-invariant.

    With δ_c one at the center of channel c and zero elsewhere, ``f(δ_c)[o, p] − f(0)[o, p]`` at the center + d is
    ``weight[o, c, −d]``, and ``bias[o] = f(0)[o]`` at the center.

    Args:
        function: [1, I, H, W] → [1, O, H, W].
        shape: [1, I, H, W].

    Returns:
        The kernel trimmed to its odd, centered support; None when the support reaches the image's edge, so that its
        size is not known.
    """
    _, channels, height, width = shape
    row, column = height // 2, width // 2
    silence = function(torch.zeros(shape, dtype=torch.float64))
    responses = []
    for channel in range(channels):
        impulse = torch.zeros(shape, dtype=torch.float64)
        impulse[0, channel, row, column] = 1.0
        responses.append((function(impulse) - silence)[0])
    response_OIHW = torch.stack(responses, 1)
    floor = NOISE * max(float(response_OIHW.abs().max()), float(silence.abs().max()))
    reach = _reach(response_OIHW.abs() > floor, (row, column))
    if reach[0] >= min(row, height - 1 - row) or reach[1] >= min(column, width - 1 - column):
        return None
    window = response_OIHW[:, :, row - reach[0] : row + reach[0] + 1, column - reach[1] : column + reach[1] + 1]
    return Kernel(window.flip(2, 3).contiguous(), silence[0, :, row, column].clone())


def _reach(support: Tensor, center: tuple[int, int]) -> tuple[int, int]:
    where = support.flatten(0, 1).any(0).nonzero()
    if not len(where):
        return 0, 0
    rows, columns = (where - torch.tensor(center)).abs().amax(0).tolist()
    return int(rows), int(columns)
