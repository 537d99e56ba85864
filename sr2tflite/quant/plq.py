"""The piecewise linear quantizer of outlier-aware quantization: a fine grid where most values lie, a coarse one beyond.

It is not one affine grid, so no tensor of a file holds its codes; but it is a sum of two that are, which is what
:mod:`sr2tflite.quant.branches` makes of it.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

EMA = 0.9
"""What a later batch leaves of the ends and the breakpoint before it."""

SMALLEST = 1e-12


@dataclass(frozen=True)
class Regions:
    """Where the two regions of an activation lie; tensors of one element, which may be learned."""

    low: Tensor
    """l_a ≤ 0: the outliers' end below."""

    high: Tensor
    """u_a ≥ 0: the outliers' end above."""

    breakpoint: Tensor
    """bp > 0: the dense region is −bp…bp."""

    def followed_by(self, batch: "Regions") -> "Regions":
        """The moving average ``θ ← 0.9·θ + 0.1·θ_batch`` of all three."""
        pairs = ((self.low, batch.low), (self.high, batch.high), (self.breakpoint, batch.breakpoint))
        return Regions(*(EMA * old + (1 - EMA) * new for old, new in pairs))


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004  # the signature is torch's
        return x.round()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:  # noqa: ARG004
        return grads[0]


def _rounded(x: Tensor) -> Tensor:
    return cast(Tensor, _Rounded.apply(x))  # type: ignore[no-untyped-call]


def regions_of(values: Tensor, percentile: float = 99.0) -> Regions:
    """Minimum, maximum and a percentile of one batch: of |x|, which is our reading of the paper's percentile of x."""
    flat = values.detach().flatten()
    place = max(1, round(percentile / 100 * flat.numel()))
    edge = flat.abs().kthvalue(place).values.clamp(min=SMALLEST)
    return Regions(flat.min().clamp(max=0), flat.max().clamp(min=0), edge)


def piecewise(values: Tensor, regions: Regions, bits: int) -> Tensor:
    """``PLQ(x) = Q_d(clip(x, −bp, bp)) + Q_o(x − clip(x, −bp, bp))``, exactly: one of the two is a constant.

    Args:
        values: x, any shape.
        regions: Ends and breakpoint; they receive gradients, rounding passes them straight through.
        bits: b, from 3 on: with 2, the dense region would be one point.

    References:
        Outlier-Aware Post-Training Quantization for Image Super-Resolution (2025), https://arxiv.org/abs/2511.00682.
    """
    return dense(values, regions, bits) + outlier(values, regions, bits)


def dense(values: Tensor, regions: Regions, bits: int) -> Tensor:
    """Q_d of clip(x, −bp, bp): ``2^(b−1) − 1`` points from −bp to bp, both ends and zero among them."""
    half = 2 ** (bits - 2) - 1
    codes = _rounded((values / (regions.breakpoint / half)).clamp(-half, half))
    real: Tensor = regions.breakpoint * (codes / half)
    return real


def outlier(values: Tensor, regions: Regions, bits: int) -> Tensor:
    """Q_o of what lies beyond ±bp: ``2^(b−2) − 1`` points on either side, the last at the end; 0 in between."""
    points = 2 ** (bits - 2) - 1
    above = _beyond(values - regions.breakpoint, regions.high - regions.breakpoint, points)
    below = _beyond(-values - regions.breakpoint, -regions.low - regions.breakpoint, points)
    return above - below


def _beyond(values: Tensor, width: Tensor, points: int) -> Tensor:
    """Values from 0 to a width on so many steps; nothing where there is no width."""
    width = width.clamp(min=SMALLEST)
    return width * (_rounded((values / (width / points)).clamp(0, points)) / points)
