"""One ONNX node on arrays, as ONNX's own reference implementation computes it, in its opset's meaning.

Serves what no pixel reaches (constants, shapes, reshape targets) and, on arrays of indices, what only moves pixels.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from sr2tflite.errors import InputError
from sr2tflite.fuse.foreign.weights import Array

MOST_VALUES = 2**27
"""In one array: a constant may claim any size in a few bytes."""

_FAULTS = (
    *(ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, NotImplementedError),
    *(RuntimeError, TypeError, ValueError),
)
"""What the reference raises for operands that do not fit."""

Operands = Sequence[Array | None]
_ELEMENTWISE = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "Mod", "Pow", "Neg", "Abs", "Sqrt", "Reciprocal", "Exp", "Log", "Sign"),
        *("Min", "Max", "Sum", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Not"),
        *("Where", "Cast", "CastLike", "Floor", "Ceil", "Round", "Clip", "Relu", "Sigmoid", "Tanh", "Identity"),
    }
)
_MOVING = frozenset(
    {
        *("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split", "Concat", "Identity"),
        *("DepthToSpace", "SpaceToDepth"),
    }
)
_REDUCING = frozenset({"ReduceProd", "ReduceSum", "ReduceMin", "ReduceMax", "ReduceMean", "Size", "Shape", "NonZero"})


def _tiled(operands: Operands) -> int:
    data, repeats = operands[:2]
    assert data is not None
    assert repeats is not None
    return int(data.size) * math.prod(int(times) for times in repeats.reshape(-1))


def _expanded(operands: Operands) -> int:
    data, shape = operands[:2]
    assert data is not None
    assert shape is not None
    return math.prod(np.broadcast_shapes(data.shape, tuple(int(size) for size in shape.reshape(-1))))


def _ranged(operands: Operands) -> int:
    start, limit, step = (float(part.reshape(-1)[0]) for part in operands if part is not None)
    return max(math.ceil((limit - start) / step), 0)


def _gathered(operands: Operands) -> int:
    data, indices = operands[:2]
    assert data is not None
    assert indices is not None
    return int(data.size) * max(int(indices.size), 1)


def _constant(operands: Operands) -> int:
    (shape,) = operands
    assert shape is not None
    return math.prod(int(size) for size in shape.reshape(-1))


_CLAIMS: dict[str, Callable[[Operands], int]] = {
    "Tile": _tiled,
    "Expand": _expanded,
    "Range": _ranged,
    "ConstantOfShape": _constant,
}
"""How many values an op may make out of few; every other makes at most as many as broadcasting does."""

FOLDABLE = _ELEMENTWISE | _MOVING | _REDUCING | frozenset(_CLAIMS) | {"Gather", "Constant", "Dropout"}
"""Ops that are computed on arrays."""


def evaluate(node: Any, operands: Operands, opset: int, where: str) -> list[Array]:
    """The outputs of one node.

    Args:
        node: A NodeProto of ``FOLDABLE``.
        operands: Its inputs; None where one is left out.
        opset: The version its meaning is taken from.
        where: The node, for messages.

    Raises:
        InputError: The operands do not fit the op, or the result would be huge.
    """
    try:
        claimed = _claimed(node, operands)
        if claimed > MOST_VALUES:
            raise InputError(f"makes {claimed:,} values; expected at most {MOST_VALUES:,}", where=where)
        with np.errstate(all="ignore"):
            results = _run(node, operands, opset)
    except _FAULTS as error:
        shapes = ", ".join("none" if part is None else str(part.shape) for part in operands)
        raise InputError(f"cannot work on shapes {shapes}: {error}", where=where, hint="make the file again") from error
    return [np.asarray(result) for result in results]


def _claimed(node: Any, operands: Operands) -> int:
    if node.op_type in _CLAIMS:
        return _CLAIMS[node.op_type](operands)
    if node.op_type == "Gather" and operands[0] is not None and operands[0].ndim:
        axis = next((int(attribute.i) for attribute in node.attribute if attribute.name == "axis"), 0)
        return _gathered(operands) // max(int(operands[0].shape[axis]), 1)
    shapes: list[tuple[int, ...]] = [part.shape for part in operands if part is not None]
    if node.op_type in _ELEMENTWISE:
        return math.prod(np.broadcast_shapes(*shapes))
    return sum(math.prod(shape) for shape in shapes)


def _run(node: Any, operands: Operands, opset: int) -> list[Any]:
    twin = onnx.NodeProto()
    twin.CopyFrom(node)
    del twin.input[:], twin.output[:]
    names = ["" if part is None else f"i{index}" for index, part in enumerate(operands)]
    twin.input.extend(names)
    twin.output.extend(f"o{index}" if name else "" for index, name in enumerate(node.output))
    feeds = {name: part for name, part in zip(names, operands, strict=True) if name}
    wanted = [name for name in twin.output if name]
    results = iter(ReferenceEvaluator(_model(twin, list(feeds), wanted, opset)).run(wanted, feeds))
    return [next(results) if name else np.array(()) for name in twin.output]


def _model(node: Any, inputs: list[str], outputs: list[str], opset: int) -> Any:
    """A model of one node: of a node alone the reference takes the newest meaning."""
    ends = [[onnx.helper.make_tensor_value_info(name, 0, None) for name in names] for names in (inputs, outputs)]
    graph = onnx.helper.make_graph([node], "node", *ends)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_operatorsetid("", opset)])
