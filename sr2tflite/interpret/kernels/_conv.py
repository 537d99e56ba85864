"""What CONV_2D and DEPTHWISE_CONV_2D share: sums from a matrix product, then one multiplier an output channel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.interpret.convolution import Convolution, Finish, Window, sum_bounds
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import refuse_factors, span
from sr2tflite.interpret.site import (
    EIGHT_BITS,
    LARGEST_INT32,
    UP_TO_16_BITS,
    Arithmetic,
    Codes,
    Site,
    affine,
    is_normal,
    quant,
)
from sr2tflite.interpret.workers import Workers
from sr2tflite.numerics.fixed_point import WIDE_LIMITS, FixedPoint, fixed_points, multiply, multiply_wide
from sr2tflite.numerics.requantize import CONV_MULTIPLIERS, builtin_multipliers, conv_multipliers, requantize_in_place

_LARGEST_SUM = {"int32": LARGEST_INT32, "int64": WIDE_LIMITS[0] - 1}
"""By the bias's type, which is the sums' too."""

_TYPES: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("CONV_2D", "int8"): (("int8", "int4"), ("int32",)),
    ("CONV_2D", "uint8"): (("uint8",), ("int32",)),
    ("CONV_2D", "int16"): (("int8", "int4"), ("int32", "int64")),
    ("DEPTHWISE_CONV_2D", "int8"): (("int8", "int4"), ("int32",)),
    ("DEPTHWISE_CONV_2D", "uint8"): (("uint8",), ("int32",)),
    ("DEPTHWISE_CONV_2D", "int16"): (("int8",), ("int64",)),
    ("TRANSPOSE_CONV", "int8"): (("int8",), ("int32",)),
    ("TRANSPOSE_CONV", "uint8"): (("uint8",), ("int32",)),
    ("FULLY_CONNECTED", "int8"): (("int8",), ("int32",)),
    ("FULLY_CONNECTED", "uint8"): (("uint8",), ("int32",)),
}
"""Op and activations → weights and biases that a kernel computes. A runtime runs some others, and reads their bytes as
these: int4 weights of an int16 DEPTHWISE_CONV_2D as int8, its int32 biases as int64."""

_VECTOR = 8
"""Channels that the builtin depthwise kernel computes at a time."""


def check_conv(site: Site, axis: int) -> None:
    """Refuse types, scales and sums that no kernel runs; ``axis`` is the weight's output channel."""
    x, weight, _ = site.inputs
    _check_types(site)
    site.one_scale_each(x, site.output)
    if weight.dtype == "uint8":
        site.one_scale_each(weight)
    elif quant(weight).axis not in (None, axis) or any(quant(weight).zero_point):
        raise UnsupportedError("weights have a zero point or scales along another axis", where=weight.name)
    refuse_factors(site, affine(x)[0] * max(quant(weight).scale) / affine(site.output)[0])
    _check_sums(site)


def _check_types(site: Site) -> None:
    x, weight, bias = site.inputs
    if {x.dtype, weight.dtype} <= {*EIGHT_BITS}:
        site.dtype(of=(x, weight, site.output))
    activations = site.dtype(UP_TO_16_BITS, of=(x, site.output))
    if (site.op.kind, activations) not in _TYPES:
        raise UnsupportedError(f"has {activations} activations; expected int8 or uint8", where=site.where)
    weights, biases = _TYPES[site.op.kind, activations]
    if weight.dtype not in weights:
        raise UnsupportedError(
            f"weights of {activations} are {weight.dtype}; expected {' or '.join(weights)}", where=weight.name
        )
    if bias.dtype not in biases:
        raise UnsupportedError(f"bias is {bias.dtype}; expected {' or '.join(biases)}", where=bias.name)


def _check_sums(site: Site) -> None:
    x, _, bias = site.inputs
    assert bias.data is not None
    bounds = sum_bounds(centered_weight(site), bias.data, span(x))
    channel, largest = int(bounds.argmax()), _LARGEST_SUM[bias.dtype]
    if bounds[channel] > largest:
        raise UnsupportedError(
            f"channel {channel} can sum up to {bounds[channel]}; expected at most {largest} ({bias.dtype})",
            where=bias.name,
            hint="the input's or the weights' scale is far too small for this bias; calibrate again",
        )


def has_normal_bias(site: Site) -> bool:
    """Whether XNNPACK takes the bias, if there is one: no scale of it is denormal."""
    bias = site.inputs[2].quant if len(site.inputs) > 2 else None
    return bias is None or all(is_normal(scale) for scale in bias.scale)


def centered_weight(site: Site) -> NDArray[np.int64]:
    """Weights OHWI minus their zero point; a depthwise 1HWO weight becomes O·H·W·1."""
    weight = site.inputs[1]
    assert weight.data is not None
    centered = weight.data.astype(np.int64) - (quant(weight).zero_point[0] if weight.dtype == "uint8" else 0)
    if site.op.kind != "DEPTHWISE_CONV_2D":
        return centered
    return np.moveaxis(centered, 3, 0).reshape(-1, *centered.shape[1:3], 1)


def xnnpack_multipliers(site: Site) -> NDArray[np.float32]:
    """``m[c] = (s_x·s_w[c]) / s_out``.

    Raises:
        UnsupportedError: One is so large that XNNPACK refuses the whole file.
    """
    x, weight, _ = site.inputs
    found = conv_multipliers(affine(x)[0], quant(weight).scale, affine(site.output)[0])
    if not found.max() < CONV_MULTIPLIERS[1]:
        raise UnsupportedError(
            f"s_x·s_w/s_out = {found.max():.3g}; expected under {CONV_MULTIPLIERS[1]:.0f} (XNNPACK)", where=site.where
        )
    return found


def finisher(site: Site, arithmetic: Arithmetic, vectors: int | None = None) -> Finish:
    """From sums to codes; the first ``vectors`` channels of a builtin kernel are given, or ``vector_channels``.

    XNNPACK: one float32 multiplication, rounded half to even. Others: ``MultiplyByQuantizedMultiplier`` of
    ``s_x·s_w/s_out`` in float64, where the first ``vector_channels`` are rounded as NEON does; of 64-bit sums, that
    function's 64-bit form in every family.
    """
    zero, (low, high) = affine(site.output)[1], site.code_range(arithmetic)
    if arithmetic == "xnnpack":
        factors = xnnpack_multipliers(site)

        def finish(sums: NDArray[Any], out: NDArray[Any]) -> None:
            requantize_in_place(sums.astype(np.float32, copy=False), factors, zero, (low, high), out)

        return finish
    multipliers = np.broadcast_to(_builtin_multipliers(site), site.output.channels)
    fixed = fixed_points(multipliers)
    if site.inputs[2].dtype == "int64":
        _check_wide_multipliers(site, multipliers)
        return _wide_finisher(fixed, (low, high))
    split = (vector_channels(site) if vectors is None else vectors) if arithmetic == "builtin" else 0
    return _fixed_finisher(fixed, split, zero, (low, high))


def _builtin_multipliers(site: Site) -> NDArray[np.float64]:
    """``s_x·s_w/s_out`` in float64.

    The product is rounded to float32 with uint8 weights, and where FULLY_CONNECTED has one scale.

    Must equal ``PopulateConvolutionQuantizationParams`` and ``GetQuantizedConvolutionMultipler``
    (``kernels/kernel_util.cc``).
    """
    x, weight, _ = site.inputs
    scales = np.asarray(quant(weight).scale, np.float32)
    is_rounded = weight.dtype == "uint8" or (site.op.kind == "FULLY_CONNECTED" and scales.size == 1)
    if not is_rounded:
        return builtin_multipliers(affine(x)[0], quant(weight).scale, affine(site.output)[0])
    return np.asarray((np.float32(affine(x)[0]) * scales).astype(np.float64) / affine(site.output)[0])


def vector_channels(site: Site) -> int:
    """How many of the first output channels the builtin kernel computes with NEON's rounding, ties up.

    CONV_2D goes to ruy, all channels; with groups to the reference kernel. DEPTHWISE_CONV_2D of int8 takes eight at a
    time and leaves the rest to plain C++; that of uint8 rounds as the reference does.
    """
    if site.op.kind == "CONV_2D":
        return site.output.channels if site.inputs[1].channels == site.inputs[0].channels else 0
    return site.output.channels // _VECTOR * _VECTOR if site.output.dtype == "int8" else 0


def _fixed_finisher(fixed: FixedPoint, split: int, zero: int, ends: tuple[int, int]) -> Finish:
    first, rest = (
        FixedPoint(*(np.asarray(part)[cut] for part in (fixed.multiplier, fixed.shift)))
        for cut in (slice(split), slice(split, None))
    )

    def finish(sums: NDArray[Any], out: NDArray[Any]) -> None:
        whole = sums.astype(np.int64)
        for part, factor, ties_up in ((slice(split), first, True), (slice(split, None), rest, False)):
            out[:, part] = np.clip(multiply(whole[:, part], factor, ties_up=ties_up) + zero, *ends)

    return finish


def _check_wide_multipliers(site: Site, multipliers: NDArray[np.float64]) -> None:
    if multipliers.max() >= WIDE_LIMITS[1]:
        raise UnsupportedError(
            f"s_x·s_w/s_out = {multipliers.max():.3g}; expected under {WIDE_LIMITS[1]:.0f} where sums are int64",
            where=site.where,
        )


def _wide_finisher(fixed: FixedPoint, ends: tuple[int, int]) -> Finish:
    def finish(sums: NDArray[Any], out: NDArray[Any]) -> None:
        out[...] = np.clip(multiply_wide(sums.astype(np.int64), fixed), *ends)

    return finish


def prepare_conv(site: Site, arithmetic: Arithmetic) -> Run:
    """The convolution with its weights laid out and its multipliers known."""
    op = site.op
    assert isinstance(op, ops.Conv2D | ops.DepthwiseConv2D)
    x, _, bias = site.inputs
    assert bias.data is not None
    centered = centered_weight(site)
    rows, columns = (Window(centered.shape[1 + i], op.stride[i], op.dilation[i], op.padding) for i in range(2))
    convolution = Convolution(centered, bias.data, rows, columns, span(x))
    finish, zero, dtype = finisher(site, arithmetic), affine(x)[1], np.dtype(site.output.dtype)

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        batch, height, width, _ = operands[0].shape
        out = np.empty((batch, rows.outputs(height), columns.outputs(width), convolution.outputs), dtype)
        convolution.run(operands[0], zero, out, finish, workers)
        return out

    return run
