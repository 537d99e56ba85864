"""A clip that changes the scale, as an ADD of zero: XNNPACK takes ADD, and no clip of codes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import ops
from sr2tflite.graph.model import DType, Graph, Node, Tensor
from sr2tflite.graph.passes.rewritten import Declined, Rewritten
from sr2tflite.numerics import builtin, elementwise
from sr2tflite.numerics.activation import code_range
from sr2tflite.numerics.qparams import LIMITS, QuantParams
from sr2tflite.numerics.requantize import add_params, add_ratio_is_delegated

Codes = NDArray[Any]


def rescale_by_sum(graph: Graph) -> Rewritten:
    """A copy where RELU, RELU6 and RELU_0_TO_1 that change the scale are ``x + 0``, written at the new one.

    Both are ``round(v·s/s_out) + z_out`` and differ in how they round, so that an ADD takes the place only where all
    256 codes come out the same, by XNNPACK and by every builtin kernel: exact. Where the bound is not the end of the
    codes, the ADD's fused activation is it.

    Left alone: ratios under ½, which a clip's kernel rounds twice.
    """
    result, places, declined = graph.copy(), [], []
    for index, node in enumerate(graph.nodes):
        if not _rescales(graph, node):
            continue
        x, y = graph.tensors[node.inputs[0]], graph.tensors[node.output]
        op = next((one for one in _sums(node.op) if _is_equal(node.op, one, x, y)), None)
        if op is None:
            declined.append(Declined(node.output, "an ADD of zero would round some codes otherwise"))
            continue
        name = result.constant(f"{node.output}_zero", np.zeros(1, x.dtype), _of_zero(x))
        result.nodes[index] = replace(node, op=op, inputs=(x.name, name))
        places.append(node.output)
    return Rewritten(result, tuple(places), tuple(declined))


def _rescales(graph: Graph, node: Node) -> bool:
    if not isinstance(node.op, ops.Relu | ops.Relu6 | ops.Relu0To1):
        return False
    x, y = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    is_known = x.dtype == y.dtype and x.dtype in ("int8", "uint8") and x.quant is not None and y.quant is not None
    return is_known and x.quant != y.quant


def _of_zero(x: Tensor) -> QuantParams:
    """The grid of what is added: the image's scale, so that the kernels keep as many bits of it as there are."""
    return QuantParams(_quant(x).scale, (0,))


def _sums(clip: ops.Op) -> Iterator[ops.Add]:
    """The sums that may do as a clip does; without an activation where saturation is the bound."""
    yield ops.Add()
    if clip.kind in ("RELU", "RELU6"):
        yield ops.Add(clip.kind)  # type: ignore[arg-type]


def _is_equal(clip: ops.Op, add: ops.Add, x: Tensor, y: Tensor) -> bool:
    """Whether both give the same for every code, whatever kernel runs the sum."""
    (scale,), (scale_out,), zero = _quant(x).scale, _quant(y).scale, _quant(y).zero_point[0]
    if not add_ratio_is_delegated(scale, scale, scale_out):
        return False
    low, high = LIMITS[x.dtype]
    v, nothing = np.arange(low, high + 1) - _quant(x).zero_point[0], np.zeros(high + 1 - low, np.int64)
    wanted = _saturated(builtin.rescale(v, builtin.float_ratio(scale, scale_out)), clip.kind, y)
    scales = scale, scale
    sums = [builtin.add(v, nothing, scales, scale_out)]
    for shifts_first in (False, True):
        found = builtin.add_in_vectors(v, nothing, scales, scale_out, shifts_first=shifts_first)
        sums.append(builtin.narrowed(found, zero, saturates=False))
    by_xnnpack = elementwise.add(v, nothing, add_params(scale, scale, scale_out))
    found = [_saturated(one, add.activation, y) for one in sums]
    found.append(_saturated(by_xnnpack, add.activation, y, half_even=True))
    return all(np.array_equal(one, wanted) for one in found)


def _saturated(v: Codes, activation: str, y: Tensor, *, half_even: bool = False) -> Codes:
    dtype: DType = y.dtype
    return np.clip(v + _quant(y).zero_point[0], *code_range(activation, _quant(y), dtype, half_even=half_even))


def _quant(tensor: Tensor) -> QuantParams:
    assert tensor.quant is not None
    return tensor.quant
