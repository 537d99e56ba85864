"""Ranges that the device's kernels accept: where a ratio of scales is outside XNNPACK's limits, a range is widened.

Outside them the delegate leaves the op to another kernel, which rounds otherwise; so such scales must never be born.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Node, ops
from sr2tflite.numerics.qparams import QuantParams, affine
from sr2tflite.numerics.requantize import ADD_RATIOS, CONV_MULTIPLIERS
from sr2tflite.quant.plan import PIXELS, Plan

MARGIN = 0.99
"""What is aimed at stays this far inside the delegate's limits: scales are rounded once more."""

LARGEST_MULTIPLIER = CONV_MULTIPLIERS[1] * MARGIN
LARGEST_RATIO = ADD_RATIOS[1] * MARGIN
SMALLEST_RATIO = ADD_RATIOS[0] / MARGIN

NARROWEST = 2.0**-10
"""No range is narrower, in pixels: one of zero width could not be widened by a factor."""

_ROUNDS = 16
_SLACK = 1.001


class Range(NamedTuple):
    """The real values a tensor's codes span."""

    low: float
    high: float

    def widened(self, factor: float) -> "Range":
        """The range with both ends ``factor`` times as far from zero."""
        return Range(self.low * factor, self.high * factor)

    def normal(self) -> "Range":
        """The range with zero in it and some width."""
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        return Range(low, max(high, low + NARROWEST))


WeightScale = Callable[[Node, float], float]
"""The largest weight scale of a convolution, given its input's scale."""


def settle(plan: Plan, ranges: Mapping[int, Range], weight_scale: WeightScale) -> list[QuantParams]:
    """The quantization parameters of every group, with ranges widened where a kernel demands it.

    Args:
        plan: Which tensors share parameters.
        ranges: The range of each group that is not fixed.
        weight_scale: Largest weight scale of a convolution.

    Raises:
        UnsupportedError: No widening makes an op legal.
    """
    current = {index: found.normal() for index, found in ranges.items()}
    for _ in range(_ROUNDS):
        grids = [PIXELS if group.fixed else affine(*current[index]) for index, group in enumerate(plan.groups)]
        factors: dict[int, float] = {}
        for node in plan.graph.nodes:
            for index, factor in _demands(plan, node, grids, weight_scale):
                factors[index] = max(factors.get(index, 1.0), factor)
        if not factors:
            return grids
        for index, factor in factors.items():
            _refuse_if_fixed(plan, index)
            current[index] = current[index].widened(factor * _SLACK)
    raise UnsupportedError("the ranges of the additions lie too far apart for INT8", where=plan.graph.name)


def _demands(plan: Plan, node: Node, grids: list[QuantParams], weight_scale: WeightScale) -> list[tuple[int, float]]:
    """By how much a node needs groups widened: (group, factor > 1)."""
    if not isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D | ops.Add):
        return []
    out = plan.group_of[node.output]
    out_scale = grids[out].scale[0]
    inputs = [plan.group_of[name] for name in node.inputs if name in plan.group_of]
    scales = [grids[index].scale[0] for index in inputs]
    if not isinstance(node.op, ops.Add):
        demands = [(out, scales[0] * weight_scale(node, scales[0]) / out_scale / LARGEST_MULTIPLIER)]
    else:
        demands = [(out, max(scales) / out_scale / LARGEST_RATIO)]
        demands += [(i, SMALLEST_RATIO * out_scale / s) for i, s in zip(inputs, scales, strict=True)]
    return [(index, factor) for index, factor in demands if factor > 1]


def _refuse_if_fixed(plan: Plan, index: int) -> None:
    if plan.groups[index].fixed:
        raise UnsupportedError(
            "scales differ by more than the INT8 kernels allow at a tensor that holds pixels",
            where=plan.groups[index].tensors[0],
            hint="train the network so that its last layers work in the size of pixels",
        )
