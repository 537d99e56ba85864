"""What runtimes refuse late, or compute differently without a word: asked of a graph before it is written."""

from dataclasses import replace

import numpy as np

from sr2tflite.errors import UnsupportedError, VerificationError
from sr2tflite.graph import Graph, Node, Tensor, ops
from sr2tflite.numerics.elementwise import LARGEST_BUILTIN_RATIO, LOGISTIC_PARAMS, MUL_RATIOS, leaky_relu_is_delegated
from sr2tflite.numerics.qparams import LIMITS, WEIGHT_LIMIT, WEIGHT_ZERO, QuantParams, bias_params
from sr2tflite.numerics.requantize import CONV_MULTIPLIERS, add_ratio_is_delegated, conv_multipliers

LARGEST_ACCUMULATOR = 2**31 - 1
_SPAN = 255
"""Largest magnitude of a code minus its zero point."""

_SHARED = (ops.Concatenation, ops.DepthToSpace, ops.ResizeNearestNeighbor, ops.Minimum, ops.Maximum)
"""Ops that move or compare codes: their kernels never rescale."""

_ENDS = (ops.Quantize, ops.Dequantize)


def check_integers(graph: Graph) -> None:
    """Refuse a quantized graph that a runtime would refuse, or would run with other arithmetic than ours.

    Raises:
        UnsupportedError: A tensor is not quantized, or a ratio of scales or a sum is outside the kernels' range.
        VerificationError: Scales or codes break a rule of TFLite's INT8 specification.
    """
    for node in graph.nodes:
        _check_widths(graph, node)
        if not isinstance(node.op, _ENDS):
            _check_types(graph, node)
        match node.op:
            case ops.Conv2D() | ops.DepthwiseConv2D():
                _check_conv(graph, node)
            case ops.Add() | ops.Sub():
                _check_sum(graph, node)
            case ops.Mul():
                _check_product(graph, node)
            case ops.PRelu() | ops.LeakyRelu():
                _check_slopes(graph, node)
            case ops.Logistic():
                _check_logistic(graph, node)
            case op if isinstance(op, _SHARED):
                _check_shared(graph, node)


def _check_widths(graph: Graph, node: Node) -> None:
    """Training computes with 8 bits: what other widths give, no proof says."""
    for name in (*node.inputs, *node.outputs):
        if (found := graph.tensors[name].dtype) in ("int4", "int16", "int64"):
            raise UnsupportedError(
                f"{node.op.kind} has a tensor of {found}; expected int8 or uint8, and int32 biases", where=name
            )


def _quant(tensor: Tensor) -> QuantParams:
    assert tensor.quant is not None
    return tensor.quant


def _check_types(graph: Graph, node: Node) -> None:
    for name in (*node.inputs, *node.outputs):
        tensor = graph.tensors[name]
        if tensor.dtype == "float32" or tensor.quant is None:
            raise UnsupportedError(
                f"{node.op.kind} has a {tensor.dtype} tensor without a scale; expected int8 or uint8",
                where=name,
                hint="quantize the whole model with `sr2tflite ptq` or `sr2tflite qat`",
            )
        is_window = isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D)
        if tensor.quant.per_channel and not (tensor.is_constant and is_window):
            kind = "constant" if tensor.is_constant else "activation"
            raise UnsupportedError(f"{kind} of {node.op.kind} has a scale per channel; expected one", where=name)
    types = {graph.tensors[name].dtype for name in (*node.inputs, *node.outputs)} - {"int32"}
    if len(types) > 1:
        raise VerificationError(
            f"{node.op.kind} mixes {' and '.join(sorted(types))}, which a runtime reads as one; expected one type",
            where=next((name for name in node.inputs if graph.tensors[name].is_constant), node.output),
            hint="quantize activations and weights to the same type",
        )


def _check_conv(graph: Graph, node: Node) -> None:
    x, weight, bias = (graph.tensors[name] for name in node.inputs)
    _check_weight(weight)
    if (bias.dtype, bias.quant) != ("int32", bias_params(_quant(x).scale[0], _quant(weight))):
        raise VerificationError("bias scale is not input scale · weight scale, zero point 0, int32", where=bias.name)
    scales = _quant(x).scale[0], _quant(weight).scale, _quant(graph.tensors[node.output]).scale[0]
    multipliers = conv_multipliers(*scales)
    low, high = CONV_MULTIPLIERS
    outside = np.flatnonzero((multipliers < low) | (multipliers >= high))
    if outside.size:
        raise UnsupportedError(
            f"channel {outside[0]}: s_x·s_w/s_out = {multipliers[outside[0]]:.3g}; expected 2^-32 … 2^8",
            where=weight.name,
            hint="the output's range is far too small or the weights are dead; calibrate again",
        )
    _check_accumulator(node, weight, bias)


def _check_weight(weight: Tensor) -> None:
    quant, zero = _quant(weight), WEIGHT_ZERO.get(weight.dtype)
    assert weight.data is not None
    if zero is None or set(quant.zero_point) != {zero} or (weight.data < zero - WEIGHT_LIMIT).any():
        raise VerificationError("weights are not symmetric: int8 in -127…127, or uint8 in 1…255", where=weight.name)
    if weight.dtype == "uint8" and quant.per_channel:
        raise UnsupportedError(
            "weights are uint8 with a scale per channel; expected one scale",
            where=weight.name,
            hint="quantize the model with one scale per layer: sr2tflite ptq --weights per-tensor",
        )


def _check_accumulator(node: Node, weight: Tensor, bias: Tensor) -> None:
    """``|b[c]| + 255 · Σ|w[c]|`` bounds every sum the kernel makes."""
    assert weight.data is not None
    assert bias.data is not None
    axes = (0, 1, 2) if isinstance(node.op, ops.DepthwiseConv2D) else (1, 2, 3)
    magnitudes = np.abs(weight.data.astype(np.int64) - WEIGHT_ZERO[weight.dtype])
    sums = magnitudes.sum(axes) * _SPAN + np.abs(bias.data.astype(np.int64))
    channel = int(sums.argmax())
    if sums[channel] > LARGEST_ACCUMULATOR:
        raise UnsupportedError(
            f"channel {channel} can sum up to {sums[channel]}; expected at most {LARGEST_ACCUMULATOR} (int32)",
            where=bias.name,
            hint="the input's or the weights' scale is far too small for this bias; calibrate again",
        )


def _pair_of_scales(graph: Graph, node: Node) -> tuple[float, float, float]:
    a, b = (_quant(graph.tensors[name]).scale[0] for name in node.inputs)
    return a, b, _quant(graph.tensors[node.output]).scale[0]


def _check_sum(graph: Graph, node: Node) -> None:
    a, b, out = _pair_of_scales(graph, node)
    if not add_ratio_is_delegated(a, b, out):
        raise UnsupportedError(
            f"{node.op.kind} has input/output scale ratios {a / out:.3g} and {b / out:.3g}; expected 2^-10 … 2^8",
            where=node.output,
            hint="the ranges of the two inputs are too far apart; calibrate again",
        )


def _check_product(graph: Graph, node: Node) -> None:
    a, b, out = _pair_of_scales(graph, node)
    low, high = MUL_RATIOS
    if not low <= a * b / out < high:
        raise UnsupportedError(f"MUL has scale ratio {a * b / out:.3g}; expected 2^-16 … 2^8", where=node.output)


def _check_slopes(graph: Graph, node: Node) -> None:
    """Products of the builtin kernels stay within int32."""
    x, out = (_quant(graph.tensors[name]).scale[0] for name in (node.inputs[0], node.output))
    slope = _quant(graph.tensors[node.inputs[1]]).scale[0] if isinstance(node.op, ops.PRelu) else 1.0
    if isinstance(node.op, ops.LeakyRelu):
        if leaky_relu_is_delegated(node.op.alpha, x, out):
            return
        slope = abs(node.op.alpha)
    if not max(x, x * slope) / out < LARGEST_BUILTIN_RATIO:
        raise UnsupportedError(
            f"{node.op.kind} has input/output scale ratios {x / out:.3g} and, with the slope's, {x * slope / out:.3g}; "
            "expected less than 2^8",
            where=node.output,
            hint="the output's range is far too small; calibrate again",
        )


def _check_logistic(graph: Graph, node: Node) -> None:
    output = graph.tensors[node.output]
    wanted = replace(LOGISTIC_PARAMS, zero_point=(LIMITS[output.dtype][0],))
    if output.quant != wanted:
        raise VerificationError(
            f"LOGISTIC must write scale 1/256 and zero point {wanted.zero_point[0]}", where=output.name
        )


def _check_shared(graph: Graph, node: Node) -> None:
    wanted = graph.tensors[node.output].quant
    for name in node.inputs:
        if graph.tensors[name].quant != wanted:
            raise VerificationError(
                f"{node.op.kind} reads {graph.tensors[name].quant} and writes {wanted}; expected equal scales",
                where=name,
            )
