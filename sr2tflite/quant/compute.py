"""One op without weights on centered codes, and the constants it reads as the file holds them."""

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.graph import Node, ops
from sr2tflite.numerics.elementwise import mul_multiplier, subtract_params
from sr2tflite.numerics.qparams import QuantParams, quantize
from sr2tflite.numerics.requantize import add_params
from sr2tflite.quant.functions import PLAIN
from sr2tflite.quant.limits import operand_params
from sr2tflite.quant.plan import REAL, Plan, constant_operand
from sr2tflite.quant.products import mul
from sr2tflite.quant.slopes import SlopeLayer
from sr2tflite.quant.specs import AddSpec, Arithmetic, MulSpec, OutputGrid
from sr2tflite.quant.tables import Constant, TableSpec, answers, look_up
from sr2tflite.torch_view import depth_to_space, enlarge

Grids = Sequence[QuantParams]


def output_grid(plan: Plan, node: Node, grids: Grids) -> OutputGrid:
    """The grid an op rounds to, that of its output's group."""
    index = plan.group_of[node.output]
    params = grids[index]
    rectified = getattr(node.op, "activation", "NONE") == "RELU"
    if params == REAL:
        return OutputGrid(1.0, -inf, inf, rectified)
    zero_point, steps = params.zero_point[0], plan.groups[index].steps
    low = 0.0 if rectified else float(127 - steps - zero_point)
    return OutputGrid(params.scale[0], low, float(127 - zero_point), rectified, steps)


def stored_constant(plan: Plan, node: Node, grids: Grids) -> tuple[str, NDArray[np.int8], QuantParams] | None:
    """Name, codes and parameters of the constant that an ADD, SUB, MUL, MINIMUM or MAXIMUM reads.

    That of a comparison lies on the grid of what it is compared with.
    """
    name = constant_operand(plan.graph, node)
    if name is not None:
        params = operand_params(plan, node, list(grids))
    elif isinstance(node.op, ops.Minimum | ops.Maximum):
        name = next((name for name in node.inputs if plan.graph.tensors[name].is_constant), None)
        params = grids[plan.group_of[node.output]]
    if name is None:
        return None
    data = plan.graph.tensors[name].data
    assert data is not None
    codes: NDArray[np.int8] = quantize(data, params, "int8")
    return name, codes, params


def compute(
    plan: Plan,
    node: Node,
    operands: list[Tensor],
    grids: Grids,
    bounds: Tensor | None,
    slopes: SlopeLayer | None,
    arithmetic: Arithmetic = PLAIN,
) -> Tensor:
    """The centered codes an op writes; it is no convolution.

    Args:
        plan: The graph it is in.
        node: The op.
        operands: Centered codes of the activations it reads.
        grids: The quantization parameters of every group.
        bounds: Real ends of the output's learned range, or None.
        slopes: Of a PRELU.
        arithmetic: Who adds.
    """
    if node.output in plan.absorbed:
        return operands[0]
    match node.op:
        case ops.Concatenation():
            return torch.cat(operands, 1)
        case ops.DepthToSpace(block_size=block):
            return depth_to_space(operands[0], block)
        case ops.ResizeNearestNeighbor(factor=factor):
            return enlarge(operands[0], factor)
        case ops.Relu():
            return operands[0].relu()
        case ops.Minimum() | ops.Maximum():
            return _compared(plan, node, operands, grids)
    x = [grids[plan.group_of[tensor.name]] for tensor in plan.graph.activations(node)]
    grid = output_grid(plan, node, grids)
    if len(operands) == 2:
        return _of_two(node, operands, [params.scale[0] for params in x], grid, bounds, arithmetic)
    spec = TableSpec(answers(node, x[0], grid.scale, _constant(plan, node, grids, slopes)), x[0].zero_point[0], grid)
    return look_up(operands[0], None if slopes is None else slopes.slope, bounds, spec)


def _constant(plan: Plan, node: Node, grids: Grids, slopes: SlopeLayer | None) -> Constant | None:
    if slopes is not None:
        return Constant(*slopes.stored())
    found = stored_constant(plan, node, grids)
    return found and Constant(*found[1:], comes_first=found[0] == node.inputs[0])


def _of_two(
    node: Node, operands: list[Tensor], scales: list[float], grid: OutputGrid, bounds: Any, arithmetic: Arithmetic
) -> Tensor:
    """ADD, SUB or MUL of two activations."""
    (a, b), (first, second) = operands, scales
    if isinstance(node.op, ops.Mul):
        multiplier = float(mul_multiplier(first, second, grid.scale))
        return mul(a, b, bounds, MulSpec(multiplier, first, second, grid))
    is_difference = isinstance(node.op, ops.Sub)
    constants = (subtract_params if is_difference else add_params)(first, second, grid.scale)
    second = -second if is_difference else second
    return arithmetic.add(
        a, b, bounds, AddSpec(constants.multiplier_a, constants.multiplier_b, constants.shift, first, second, grid)
    )


def _compared(plan: Plan, node: Node, operands: list[Tensor], grids: Grids) -> Tensor:
    """MINIMUM or MAXIMUM, of codes of one grid."""
    is_minimum = isinstance(node.op, ops.Minimum)
    found = stored_constant(plan, node, grids)
    if found is None:
        return (torch.minimum if is_minimum else torch.maximum)(*operands)
    centered = Constant(*found[1:]).centered[None, :, :, None]
    limit = torch.from_numpy(centered).to(operands[0])
    return operands[0].clamp(max=limit) if is_minimum else operands[0].clamp(min=limit)
