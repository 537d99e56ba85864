"""Ranges that the device's kernels accept: where a ratio of scales is outside XNNPACK's limits, a range is widened.

Outside them the delegate leaves the op to another kernel, which rounds otherwise; so such scales must never be born.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Node, ops
from sr2tflite.numerics.elementwise import LARGEST_BUILTIN_RATIO, LEAKY_RATIOS, MUL_RATIOS
from sr2tflite.numerics.qparams import QuantParams, affine_within, operand
from sr2tflite.numerics.requantize import ADD_RATIOS, CONV_MULTIPLIERS
from sr2tflite.quant.plan import PIXELS, SUMS, Group, Plan, constant_operand

MARGIN = 0.99
"""What is aimed at stays this far inside the delegate's limits: scales are rounded once more."""

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

    def within(self, group: Group) -> "Range":
        """The part of the range that a group's bounds leave."""
        return Range(max(self.low, group.low), min(self.high, group.high))


WeightScale = Callable[[Node, float], float]
"""The largest weight scale of a convolution, or the slope scale of a PRELU, given its input's scale."""

Demands = Iterator[tuple[int, float]]
"""By how much a node needs groups widened: (group, factor); up to 1 means not at all."""


def settle(plan: Plan, ranges: Mapping[int, Range], weight_scale: WeightScale) -> list[QuantParams]:
    """The quantization parameters of every group, with ranges widened where a kernel demands it.

    Args:
        plan: Which tensors share parameters.
        ranges: The range of each group that is not fixed.
        weight_scale: Largest weight scale of a convolution, slope scale of a PRELU.

    Raises:
        UnsupportedError: No widening makes an op legal.
    """
    current = {index: found.within(plan.groups[index]).normal() for index, found in ranges.items()}
    for _ in range(_ROUNDS):
        grids = [g.given or affine_within(*current[i], g.low, g.high, g.steps) for i, g in enumerate(plan.groups)]
        if plan.simulates:
            return grids  # no kernel has to take them
        factors: dict[int, float] = {}
        for node in plan.graph.nodes:
            for index, factor in _demands(plan, node, grids, weight_scale):
                if factor > 1:
                    factors[index] = max(factors.get(index, 1.0), factor)
        if not factors:
            return grids
        for index, factor in factors.items():
            _refuse_if_fixed(plan, index)
            current[index] = _widened(plan.groups[index], current[index], factor * _SLACK)
    raise UnsupportedError("the ranges of the additions lie too far apart for INT8", where=plan.graph.name)


def operand_params(plan: Plan, node: Node, grids: list[QuantParams]) -> QuantParams:
    """The parameters of the constant that an ADD, SUB or MUL reads: its own, or the finest that the delegate takes."""
    name = constant_operand(plan.graph, node)
    assert name is not None
    params, (x,) = plan.operands[name], [grids[plan.group_of[t.name]].scale[0] for t in plan.graph.activations(node)]
    out = grids[plan.group_of[node.output]].scale[0]
    smallest = (ADD_RATIOS[0] if isinstance(node.op, SUMS) else MUL_RATIOS[0] / x) * out
    if params.scale[0] >= smallest:
        return params
    data = plan.graph.tensors[name].data
    assert data is not None
    return operand(data, smallest / MARGIN)


def _demands(plan: Plan, node: Node, grids: list[QuantParams], weight_scale: WeightScale) -> Demands:
    out = plan.group_of[node.output]
    inputs = [plan.group_of[name] for name in node.inputs if name in plan.group_of]
    scales = [grids[index].scale[0] for index in inputs]
    if constant_operand(plan.graph, node) is not None:
        scales.append(operand_params(plan, node, grids).scale[0])
    into = scales[0] / grids[out].scale[0]
    match node.op:
        case ops.Conv2D() | ops.DepthwiseConv2D():
            yield out, into * weight_scale(node, scales[0]) / (CONV_MULTIPLIERS[1] * MARGIN)
        case ops.Add() | ops.Sub():
            yield out, max(scales) / grids[out].scale[0] / (ADD_RATIOS[1] * MARGIN)
            for index, scale in zip(inputs, scales, strict=False):
                yield index, ADD_RATIOS[0] / MARGIN * grids[out].scale[0] / scale
        case ops.Mul():
            yield out, into * scales[1] / (MUL_RATIOS[1] * MARGIN)
            learned = [index for index in inputs if not plan.groups[index].fixed] or inputs
            yield learned[0], MUL_RATIOS[0] / MARGIN / (into * scales[1])
        case ops.PRelu():
            yield out, into * max(1.0, weight_scale(node, scales[0])) / (LARGEST_BUILTIN_RATIO * MARGIN)
        case ops.LeakyRelu(alpha=alpha):
            yield out, into * max(1.0, abs(alpha)) / (LEAKY_RATIOS[1] * MARGIN)


def _widened(group: Group, current: Range, factor: float) -> Range:
    wider = current.widened(factor).within(group)
    if wider == current:
        raise UnsupportedError(
            f"a clip to {group.low:g}…{group.high:g} leaves too small a range for the INT8 kernels",
            where=group.tensors[0],
            hint="train the network with weights of a more even size",
        )
    return wider


def _refuse_if_fixed(plan: Plan, index: int) -> None:
    if plan.groups[index].fixed:
        held = "pixels" if plan.groups[index].given == PIXELS else "what LOGISTIC writes"
        raise UnsupportedError(
            f"scales differ by more than the INT8 kernels allow at a tensor that holds {held}",
            where=plan.groups[index].tensors[0],
            hint="train the network so that its last layers work in the size of pixels",
        )
