"""The piecewise linear quantizer of outlier-aware quantization: a fine grid where most values lie, a coarse one beyond.

It is not one affine grid, so no tensor of a file holds its codes; but it is a sum of two that are, which is what
:mod:`sr2tflite.quant.branches` makes of it.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sr2tflite.quant.ste import rounded

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
        pairs = {name: (getattr(self, name), getattr(batch, name)) for name in ("low", "high", "breakpoint")}
        return replace(self, **{name: EMA * old + (1 - EMA) * new for name, (old, new) in pairs.items()})


def regions_of(values: Tensor, percentile: float = 99.0) -> Regions:
    """Minimum, maximum and the percentile of |x|, that of x in words of the paper, of one batch."""
    flat = values.detach().flatten()
    place = max(1, round(percentile / 100 * flat.numel()))
    breakpoint = flat.abs().kthvalue(place).values.clamp(min=SMALLEST)
    return Regions(flat.min().clamp(max=0), flat.max().clamp(min=0), breakpoint)


def piecewise(values: Tensor, regions: Regions, bits: int) -> Tensor:
    """``PLQ(x) = Q_d(clip(x, −bp, bp)) + Q_o(x − clip(x, −bp, bp))``, exactly: one of the two is a constant.

    Args:
        values: x, any shape.
        regions: Ends and breakpoint; they receive gradients, rounding passes them straight through.
        bits: b.

    References:
        Outlier-Aware Post-Training Quantization for Image Super-Resolution (2025), https://arxiv.org/abs/2511.00682.
    """
    return dense(values, regions, bits) + outlier(values, regions, bits)


def dense(values: Tensor, regions: Regions, bits: int) -> Tensor:
    """Q_d of clip(x, −bp, bp): ``2^(b−1) − 1`` points from −bp to bp, both ends and zero among them."""
    steps = 2 ** (bits - 1) - 2
    scale = 2 * regions.breakpoint / steps
    return scale * rounded(_clipped(values, regions) / scale)


def outlier(values: Tensor, regions: Regions, bits: int) -> Tensor:
    """Q_o of what lies beyond ±bp: ``2^(b−2) − 1`` points on either side, from the breakpoint, left out, to the end."""
    beyond = values - _clipped(values, regions)
    points = 2 ** (bits - 2) - 1
    above, below = (((end - regions.breakpoint) / points).clamp(min=SMALLEST) for end in (regions.high, -regions.low))
    up, down = (
        rounded((side / scale).clamp(max=points)) for side, scale in ((beyond.relu(), above), ((-beyond).relu(), below))
    )
    return above * up - below * down


def _clipped(values: Tensor, regions: Regions) -> Tensor:
    return torch.maximum(torch.minimum(values, regions.breakpoint), -regions.breakpoint)
