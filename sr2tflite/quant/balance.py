"""Equalization: gains of channels and ends of ranges that leave the least noise in the output.

The channels of an activation share 256 codes, and under per-tensor weights those of a layer share a weight scale. One
that is enlarged takes codes from its neighbors; one that is made small has its readers' weights rounded coarsely.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.errors import InputError
from sr2tflite.quant.gains import apply_gain, gain_sets
from sr2tflite.quant.limits import NARROWEST, Range
from sr2tflite.quant.moments import measured_moments
from sr2tflite.quant.noise import Noise
from sr2tflite.quant.plan import Plan
from sr2tflite.quant.settings import WeightGrid
from sr2tflite.quant.turn import turn_slopes

STEPS = 100
RATE = 0.1
"""Of Adam, on the logarithms of gains and ends; it falls to zero along a cosine."""

LARGEST_LOG_GAIN = 4.0
"""Gains stay within e^±4 ≈ 55: beyond it a channel is silent, and its share of the noise as well."""

_TINY = 1e-30
"""Keeps the logarithm of no noise at all finite."""


@dataclass(frozen=True)
class Balanced:
    """A plan whose graph has its gains, and the ranges found with them."""

    plan: Plan
    ranges: dict[int, Range]
    """Of each group that is not fixed."""


@torch.enable_grad()
def balance(
    plan: Plan, images: Sequence[NDArray[np.uint8]], weights: WeightGrid = "per-channel", *, equalize: bool = True
) -> Balanced:
    """The same float function, with the gains and ranges that leave the least noise in the output.

    Gains pass through ADD, SUB, RELU, PRELU and LEAKY_RELU (``gain_sets``), and steep slopes are turned first
    (``turn_slopes``). log N of :class:`~sr2tflite.quant.noise.Noise` is minimized over the logarithms of gains and ends
    by Adam, from gains of 1 and ranges that clip nothing. Exact in ℝ for any gains; one rounding of float32 per
    constant.

    References:
        Data-Free Quantization Through Weight Equalization and Bias Correction (Nagel et al., 2019),
        https://arxiv.org/abs/1906.04721, section 4.1, where only the ranges of a weight and its reader count.

    Args:
        plan: A float graph in pixel units and its groups.
        images: Low-resolution images, uint8, height × width × 3.
        weights: Whether weight scales are per output channel or per tensor.
        equalize: Whether there are gains; otherwise the graph stays, and the ranges alone are found.

    Raises:
        InputError: There are no images.
    """
    if not images:
        raise InputError("no images to calibrate on; expected at least 1")
    graph = turn_slopes(plan.graph) if equalize else plan.graph.copy()
    sets = gain_sets(graph, plan.copies) if equalize else []
    noise = Noise(replace(plan, graph=graph), sets, measured_moments(graph, images), weights)
    logs = [torch.zeros(graph.tensors[min(members)].channels, dtype=torch.float64) for members in sets]
    ends = _minimize(noise, logs)
    for members, log in zip(sets, logs, strict=True):
        apply_gain(graph, members, log.exp().numpy())
    ranges = {
        index: Range(-low, high).within(plan.groups[index])
        for index, (low, high) in zip(noise.learned, ends.tolist(), strict=True)
    }
    return Balanced(replace(plan, graph=graph), ranges)


def _minimize(noise: Noise, logs: list[Tensor]) -> Tensor:
    """Find the logarithms of the gains, in place, and the magnitudes of the ends, groups × (low, high)."""
    ends = noise.widest(_exp(logs)).clamp(min=NARROWEST).log()
    optimizer = torch.optim.Adam([x.requires_grad_() for x in (*logs, ends)], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        left = noise(_exp(logs), ends.exp())
        if not left.requires_grad:
            break  # nothing is free: every tensor holds pixels
        (left + _TINY).log().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for log in logs:
                log.clamp_(-LARGEST_LOG_GAIN, LARGEST_LOG_GAIN)
    for x in (*logs, ends):
        x.detach_()
    return torch.minimum(ends.exp(), noise.widest(_exp(logs)))


def _exp(logs: Sequence[Tensor]) -> list[Tensor]:
    return [log.exp() for log in logs]
