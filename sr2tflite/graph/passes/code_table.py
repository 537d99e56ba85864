"""Runs of ops that make each code another one: what they make of all 256, whatever kernel runs each of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Shape, Tensor
from sr2tflite.numerics import builtin, elementwise
from sr2tflite.numerics.activation import REAL_RANGES, code_range
from sr2tflite.numerics.fixed_point import fixed_point, multiply
from sr2tflite.numerics.qparams import LIMITS, FloatRounding, QuantParams, dequantize, dequantize_in_two, quantize_float

Values = NDArray[Any]

CLIPS = (ops.Relu, ops.Relu6, ops.Relu0To1, ops.Minimum, ops.Maximum)
VALUE_OPS = (*CLIPS, ops.Quantize, ops.Dequantize)

_CODES = ("int8", "uint8")


@dataclass(frozen=True)
class Kernels:
    """One of the ways in which the ops that round are computed; a kernel's vectors and its last values may differ."""

    dequantize: Callable[[Values, QuantParams], Values]
    quantize: FloatRounding
    convert: Callable[[Values, float, float], Values]
    """QUANTIZE from codes to codes: of ``q − z``, and the scales."""


def _multiplied(v: Values, scale: float, scale_out: float, *, ties_up: bool) -> Values:
    return multiply(v, fixed_point(scale / scale_out), ties_up=ties_up)


_ROUNDINGS: tuple[FloatRounding, ...] = ("xnnpack", "builtin", "reference")
_EVERY = [
    Kernels(*one)
    for one in product(
        (dequantize, dequantize_in_two),
        _ROUNDINGS,
        (
            elementwise.convert,
            lambda v, scale, out: _multiplied(v, scale, out, ties_up=True),
            lambda v, scale, out: _multiplied(v, scale, out, ties_up=False),
        ),
    )
]


def is_value_op(graph: Graph, node: Node) -> bool:
    """Whether a node makes each value another one, alone: a clip by one level, QUANTIZE or DEQUANTIZE, with scales."""
    if not isinstance(node.op, VALUE_OPS) or len(graph.activations(node)) != 1:
        return False
    (x,), y = graph.activations(node), graph.tensors[node.output]
    levels = [graph.tensors[name].data for name in node.inputs if name != x.name]
    if any(level is None or (level != level.flat[0]).any() for level in levels):
        return False
    return _are_alike(x.shape, y.shape) and all(_is_plain(one) for one in (x, y))


def _are_alike(one: Shape, other: Shape) -> bool:
    """Whether a clip's level makes no more values of the image; of a free size it cannot."""
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(a is None or b is None or a == b for a, b in pairs)


def _is_plain(tensor: Tensor) -> bool:
    if tensor.dtype == "float32":
        return True
    return tensor.dtype in _CODES and tensor.quant is not None and len(tensor.quant.scale) == 1


def code_tables(graph: Graph, run: list[Node]) -> Iterator[Values]:
    """What a run of value ops makes of every code of its input, once for each way in which it may be computed.

    Args:
        graph: Theirs.
        run: Value ops, each of which reads what the one before writes; from 8 bits to 8 bits.
    """
    (x,) = graph.activations(run[0])
    low, high = LIMITS[x.dtype]
    for kernels in _EVERY:
        values: Values = np.arange(low, high + 1)
        for node in run:
            values = _computed(graph, node, values, kernels)
        yield values


def _computed(graph: Graph, node: Node, values: Values, kernels: Kernels) -> Values:
    (x,), y = graph.activations(node), graph.tensors[node.output]
    if isinstance(node.op, ops.Minimum | ops.Maximum):
        (level,) = (graph.tensors[name].data for name in node.inputs if name != x.name)
        assert level is not None
        choose = np.minimum if isinstance(node.op, ops.Minimum) else np.maximum
        return choose(values, level.flat[0])  # type: ignore[no-any-return]
    if y.quant is None:
        return _of_floats(node, x, values, kernels)
    (scale_out,), zero_out = y.quant.scale, y.quant.zero_point[0]
    if x.quant is None:
        return quantize_float(values, scale_out, zero_out, LIMITS[y.dtype], kernels.quantize).astype(np.int64)
    (scale,), v = x.quant.scale, values - x.quant.zero_point[0]
    if isinstance(node.op, ops.Quantize):
        v, ends = kernels.convert(v, scale, scale_out), LIMITS[y.dtype]
    else:
        v = builtin.rescale(v, builtin.float_ratio(scale, scale_out))
        ends = code_range(node.op.kind, y.quant, y.dtype, half_even=False)
    clipped: Values = np.clip(v + zero_out, *ends)
    return clipped


def _of_floats(node: Node, x: Tensor, values: Values, kernels: Kernels) -> Values:
    if x.quant is not None:
        return kernels.dequantize(values, x.quant)
    low, high = (None if end is None else np.float32(end) for end in REAL_RANGES[node.op.kind])
    clipped: Values = np.clip(values, low, high)
    return clipped
