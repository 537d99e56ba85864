"""What a graph must be before it is written: every op as its kernel demands, and exact on XNNPACK.

The demands of the format stand in ``interpret/kernels``, one file an op. Here is what our files promise beyond that.
"""

from collections.abc import Callable

import numpy as np

from sr2tflite.errors import UnsupportedError, VerificationError
from sr2tflite.graph import Graph, Node, Tensor, ops
from sr2tflite.interpret.kernels import kernel
from sr2tflite.interpret.site import Site, affine, quant
from sr2tflite.numerics.builtin import shifts_alone
from sr2tflite.numerics.elementwise import LARGEST_BUILTIN_RATIO
from sr2tflite.numerics.qparams import WEIGHT_LIMIT, WEIGHT_ZERO, bias_params
from sr2tflite.numerics.requantize import CONV_MULTIPLIERS, conv_multipliers
from sr2tflite.quant.bits import takes_int4


def check_integers(graph: Graph) -> None:
    """Refuse a quantized graph that a runtime would refuse, or would run with other arithmetic than ours.

    Raises:
        UnsupportedError: A tensor is not quantized, or a ratio of scales or a sum is outside the kernels' range.
        VerificationError: Scales or codes break a rule of TFLite's INT8 specification.
    """
    for node in graph.nodes:
        _check_widths(graph, node)
        demands = kernel(node.op, ", ".join(node.outputs))
        site = Site.of(graph, node)
        demands.check(site)
        if site.op.kind in _PROMISES:
            _PROMISES[site.op.kind](site)


_OF_ISLANDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "QUANTIZE")
"""Ops that may be int16: an output does not depend on where in an image it is, where ``_check_sum`` holds."""


def _check_widths(graph: Graph, node: Node) -> None:
    """Files hold 8 bits, int4 weights where a kernel takes them, and int16 where convolutions and sums are islands."""
    for name in (*node.inputs, *node.outputs):
        found = graph.tensors[name].dtype
        if found == "int4" and takes_int4(graph, node):
            continue
        if found in ("int16", "int64") and node.op.kind in _OF_ISLANDS:
            continue
        if found in ("int4", "int16", "int64"):
            raise UnsupportedError(
                f"{node.op.kind} has a tensor of {found}; expected int8 or uint8, and int32 biases", where=name
            )


def _check_symmetry(site: Site) -> None:
    """Weights within −127…127 around zero: the products of two codes −128 overflow in some kernels for ARM."""
    weight = site.inputs[1]
    zero = WEIGHT_ZERO[weight.dtype]
    assert weight.data is not None
    if set(quant(weight).zero_point) != {zero} or (weight.data < zero - WEIGHT_LIMIT).any():
        raise VerificationError("weights are not symmetric: int8 in -127…127, or uint8 in 1…255", where=weight.name)


def _check_bias_scale(site: Site) -> None:
    x, weight, bias = site.inputs
    if bias.quant != bias_params(affine(x)[0], quant(weight)):
        raise VerificationError("bias scale is not input scale · weight scale, zero point 0, int32", where=bias.name)
    if weight.dtype != "int4" and not kernel(site.op, site.where).is_delegated(site):
        raise UnsupportedError(
            f"bias scale {min(bias.quant.scale):.3g} is denormal, and XNNPACK leaves the op; expected from 2^-126",
            where=bias.name,
            hint="the input's or the weights' scale is far too small; calibrate again",
        )


def _check_multipliers(site: Site) -> None:
    x, weight, _ = site.inputs
    multipliers = conv_multipliers(affine(x)[0], quant(weight).scale, affine(site.output)[0])
    low, high = CONV_MULTIPLIERS
    outside = np.flatnonzero((multipliers < low) | (multipliers >= high))
    if outside.size:
        raise UnsupportedError(
            f"channel {outside[0]}: s_x·s_w/s_out = {multipliers[outside[0]]:.3g}; expected 2^-32 … 2^8",
            where=weight.name,
            hint="the output's range is far too small or the weights are dead; calibrate again",
        )


def _check_convolution(site: Site) -> None:
    _check_symmetry(site)
    _check_bias_scale(site)
    _check_multipliers(site)


def _ratios(*tensors: Tensor) -> tuple[float, ...]:
    """Scales of all but the last, over the last one's."""
    *scales, out = (affine(tensor)[0] for tensor in tensors)
    return tuple(scale / out for scale in scales)


def _check_sum(site: Site) -> None:
    """Builtin kernels would round it otherwise than training did; of int16, not alike everywhere in an image."""
    if site.output.dtype == "int16":
        _check_wide_sum(site)
    elif not kernel(site.op, site.where).is_delegated(site):
        a, b = _ratios(*site.inputs, site.output)
        raise UnsupportedError(
            f"{site.op.kind} has input/output scale ratios {a:.3g} and {b:.3g}; expected 2^-10 … 2^8",
            where=site.output.name,
            hint="the ranges of the two inputs are too far apart; calibrate again",
        )


def _check_wide_sum(site: Site) -> None:
    a, b = (affine(tensor)[0] for tensor in site.inputs)
    if not shifts_alone(a, b):
        raise UnsupportedError(
            f"int16 ADD has inputs of scales {a:.3g} and {b:.3g}, and would round the last values of an image"
            " otherwise; expected a power of two between them",
            where=site.output.name,
        )


def _check_product(site: Site) -> None:
    if not kernel(site.op, site.where).is_delegated(site):
        a, b = (affine(tensor)[0] for tensor in site.inputs)
        ratio = a * b / affine(site.output)[0]
        raise UnsupportedError(f"MUL has scale ratio {ratio:.3g}; expected 2^-16 … 2^8", where=site.output.name)


def _check_slopes(site: Site) -> None:
    """No product of the builtin kernels leaves int32, where C++ promises nothing."""
    (plain,) = _ratios(site.inputs[0], site.output)
    slope = affine(site.inputs[1])[0] if isinstance(site.op, ops.PRelu) else 1.0
    if isinstance(site.op, ops.LeakyRelu):
        if kernel(site.op, site.where).is_delegated(site):
            return
        slope = abs(site.op.alpha)
    if not max(plain, plain * slope) < LARGEST_BUILTIN_RATIO:
        raise UnsupportedError(
            f"{site.op.kind} has input/output scale ratios {plain:.3g} and, with the slope's, {plain * slope:.3g}; "
            "expected less than 2^8",
            where=site.output.name,
            hint="the output's range is far too small; calibrate again",
        )


_PROMISES: dict[str, Callable[[Site], None]] = {
    "CONV_2D": _check_convolution,
    "DEPTHWISE_CONV_2D": _check_convolution,
    "ADD": _check_sum,
    "SUB": _check_sum,
    "MUL": _check_product,
    "PRELU": _check_slopes,
    "LEAKY_RELU": _check_slopes,
}
"""What our files promise of an op, by its kind."""
