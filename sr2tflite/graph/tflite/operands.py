"""Inputs of TFLite's ops that are attributes of ours: taken away where a file is read, put back where it is written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node
from sr2tflite.graph.shapes import conv_size, usual_transposed_size
from sr2tflite.graph.tflite.flat import FlatTensor

T = TypeVar("T")
Absorbed = tuple[ops.Op, tuple[int, ...]]
"""The op, and which inputs remain: their positions, in the graph's order."""


@dataclass(frozen=True)
class Numbers:
    """A constant input that an attribute stands for."""

    name: str
    values: Sequence[int] | Sequence[Sequence[int]] | int


def absorb(op: ops.Op, operands: list[FlatTensor]) -> Absorbed:
    """The op with what its constant inputs say.

    Raises:
        KeyError: They are not constant, or say what the deploy graph cannot.
    """
    match op:
        case ops.Concatenation(axis=axis):
            return ops.Concatenation(_positive(axis, operands[:1])), tuple(range(len(operands)))
        case ops.Conv2D() | ops.DepthwiseConv2D() if len(operands) == 2:
            raise KeyError("no bias")
        case ops.ResizeNearestNeighbor():
            return _nearest(*_exactly(2, operands)), (0,)
        case ops.ResizeBilinear():
            height, width = _exactly(2, _numbers(_exactly(2, operands)[1]))
            return replace(op, size=(height, width)), (0,)
        case ops.TransposeConv():
            return _transpose_conv(op, operands)
        case ops.FullyConnected():
            _require_constants(operands[1:])
            return op, tuple(range(len(operands)))
        case _:
            return _moved(op, operands)


def _moved(op: ops.Op, operands: list[FlatTensor]) -> Absorbed:
    match op:
        case ops.Pad() | ops.PadV2():
            numbers = _numbers(operands[1])
            kept = (0,) if isinstance(op, ops.Pad) else (0, 2)
            _require_constants([operands[position] for position in kept[1:]])
            return replace(op, paddings=tuple(zip(numbers[::2], numbers[1::2], strict=True))), kept
        case ops.Reshape():
            return (ops.Reshape(tuple(_numbers(operands[1]))) if len(operands) > 1 else op), (0,)
        case ops.Transpose():
            axes = _numbers(_exactly(2, operands)[1])
            return ops.Transpose(tuple(_positive(axis, operands[:1]) for axis in axes)), (0,)
        case ops.Gather(axis=axis):
            (_,) = _exactly(1, _exactly(2, operands)[1].shape)
            return ops.Gather(tuple(_numbers(operands[1])), _positive(axis, operands[:1])), (0,)
        case ops.StridedSlice():
            begin, end, strides = (tuple(_numbers(one)) for one in _exactly(4, operands)[1:])
            return replace(op, begin=begin, end=end, strides=strides), (0,)
        case ops.Split():
            (axis,) = _exactly(1, _numbers(_exactly(2, operands)[0]))
            return replace(op, axis=_positive(axis, operands[1:])), (1,)
        case ops.Mean():
            axes = _numbers(_exactly(2, operands)[1])
            return replace(op, axes=tuple(sorted({_positive(axis, operands[:1]) for axis in axes}))), (0,)
        case _:
            return op, tuple(range(len(operands)))


def _exactly(count: int, items: Sequence[T]) -> Sequence[T]:
    if len(items) != count:
        raise KeyError(f"{len(items)} of them; expected {count}")
    return items


def _require_constants(operands: Sequence[FlatTensor]) -> None:
    if any(operand.data is None for operand in operands):
        raise KeyError("an input that is not constant")


def _numbers(operand: FlatTensor) -> list[int]:
    """The values of a constant."""
    if operand.data is None or operand.type != schema.TensorType.INT32 or len(operand.data) % 4:
        raise KeyError("numbers that are not constant")
    if len(operand.data) != 4 * math.prod(operand.shape):
        raise KeyError("numbers that do not fit their shape")
    values: list[int] = np.frombuffer(operand.data.tobytes(), np.int32).tolist()
    return values


def _positive(axis: int, operands: list[FlatTensor]) -> int:
    """An axis counted from the first; one that is not there stays as it is and is refused later."""
    rank = len(operands[0].shape) if operands else 0
    return axis + rank if -rank <= axis < 0 else axis


def _nearest(x: FlatTensor, size: FlatTensor) -> ops.Op:
    """The factor is the size's ratio to the image, where both are known and it is whole."""
    height, width = _exactly(2, _numbers(size))
    _, old_height, old_width, _ = _exactly(4, x.shape)
    factor = height // old_height if old_height > 0 else 0
    if factor < 1 or (height, width) != (factor * old_height, factor * old_width):
        raise KeyError("a factor that is not whole")
    return ops.ResizeNearestNeighbor(factor)


def _transpose_conv(op: ops.TransposeConv, operands: list[FlatTensor]) -> Absorbed:
    """TFLite's order is size, weight, x, bias."""
    size, weight, x = operands[:3] if len(operands) in (3, 4) else _exactly(3, operands)
    _require_constants([weight, *operands[3:]])
    batch, *sizes, channels = _exactly(4, _numbers(size))
    kernel, old = _exactly(4, weight.shape)[1:3], _exactly(4, x.shape)[1:3]
    kept = (2, 1, 3)[: len(operands) - 1]
    if min(op.stride) < 1:
        return op, kept  # refused later
    axes = list(zip(sizes, old, kernel, op.stride, strict=True))
    if min(*kernel, *sizes) < 1 or (batch, channels) != (x.shape[0], weight.shape[0]):
        raise KeyError("an output shape that does not follow")
    if any(conv_size(new, k, stride, 1, op.padding) != before for new, before, k, stride in axes):
        raise KeyError("a size that no convolution brings back")
    is_usual = all(usual_transposed_size(before, k, stride, op.padding) == new for new, before, k, stride in axes)
    return replace(op, size=None if is_usual else (sizes[0], sizes[1])), kept


def spelled(graph: Graph, node: Node) -> list[str | Numbers | None]:
    """A node's inputs as TFLite has them: names of tensors, constants to make, None for one that is left out.

    Raises:
        UnsupportedError: An op needs the size of its output, which is free.
    """
    x, *others = node.inputs
    match node.op:
        case ops.ResizeNearestNeighbor():
            return [x, Numbers("size", _shape(graph, node)[1:3])]
        case ops.ResizeBilinear(size=size):
            return [x, Numbers("size", size)]
        case ops.TransposeConv():
            return [Numbers("shape", _shape(graph, node)), others[0], x, *others[1:]]
        case ops.FullyConnected() if len(others) == 1:
            return [x, *others, None]
        case ops.Pad(paddings=paddings) | ops.PadV2(paddings=paddings):
            return [x, Numbers("paddings", paddings), *others]
        case ops.Reshape(shape=shape):
            return [x, Numbers("shape", shape)]
        case ops.Transpose(permutation=permutation):
            return [x, Numbers("permutation", permutation)]
        case ops.Gather(indices=indices):
            return [x, Numbers("indices", indices)]
        case ops.StridedSlice(begin=begin, end=end, strides=strides):
            return [x, Numbers("begin", begin), Numbers("end", end), Numbers("strides", strides)]
        case ops.Split(axis=axis):
            return [Numbers("axis", axis), x]
        case ops.Mean(axes=axes):
            return [x, Numbers("axes", axes)]
        case _:
            return [*node.inputs]


def _shape(graph: Graph, node: Node) -> tuple[int, ...]:
    shape = graph.tensors[node.output].shape
    known = tuple(size for size in shape if size is not None)
    if len(known) < len(shape):
        raise UnsupportedError(
            f"{node.op.kind} needs its output size, which a free shape does not have",
            where=node.output,
            hint="give --height and --width, or use a one-hot convolution instead",
        )
    return known
