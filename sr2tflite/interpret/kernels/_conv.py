"""What CONV_2D and DEPTHWISE_CONV_2D share: sums from a matrix product, then one multiplier an output channel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.interpret.convolution import Convolution, Finish, Window, sum_bound
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import span
from sr2tflite.interpret.site import Arithmetic, Codes, Site, affine, quant
from sr2tflite.interpret.workers import Workers
from sr2tflite.numerics.fixed_point import FixedPoint, fixed_points, multiply
from sr2tflite.numerics.requantize import CONV_MULTIPLIERS, conv_multipliers, requantize_in_place

LARGEST_ACCUMULATOR = 2**31 - 1

LARGEST_MULTIPLIER = 2.0**30
"""Fixed point shifts sums to the left by no more."""

_VECTOR = 8
"""Channels that the builtin depthwise kernel computes at a time."""


def check_conv(site: Site, axis: int) -> None:
    """Refuse types, scales and sums that no kernel runs; ``axis`` is the weight's output channel."""
    x, weight, bias = site.inputs
    if {x.dtype, site.output.dtype, weight.dtype} not in ({"int8"}, {"uint8"}) or bias.dtype != "int32":
        found = ", ".join(tensor.dtype for tensor in (*site.inputs, site.output))
        raise UnsupportedError(
            f"has tensors {found}; expected all int8 or all uint8, and an int32 bias", where=site.where
        )
    affine(x), affine(site.output)
    if weight.dtype == "uint8":
        affine(weight)
    elif quant(weight).axis not in (None, axis) or any(quant(weight).zero_point):
        raise UnsupportedError("weights have a zero point or scales along another axis", where=weight.name)
    _check_sums(site)


def _check_sums(site: Site) -> None:
    x, _, bias = site.inputs
    assert bias.data is not None
    bound = sum_bound(centered_weight(site), bias.data, span(x))
    if bound > LARGEST_ACCUMULATOR:
        raise UnsupportedError(
            f"can sum up to {bound}; expected at most {LARGEST_ACCUMULATOR} (int32)", where=bias.name
        )


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
    ``s_x·s_w/s_out`` in float64, where the first ``vector_channels`` are rounded as NEON does.
    """
    zero, (low, high) = affine(site.output)[1], site.code_range(arithmetic)
    if arithmetic == "xnnpack":
        factors = xnnpack_multipliers(site)

        def finish(sums: NDArray[Any], out: NDArray[Any]) -> None:
            requantize_in_place(sums.astype(np.float32, copy=False), factors, zero, (low, high), out)

        return finish
    multipliers = _builtin_multipliers(site)
    if multipliers.max() >= LARGEST_MULTIPLIER:
        raise UnsupportedError(
            f"s_x·s_w/s_out = {multipliers.max():.3g}, which is not modeled from 2^30 on", where=site.where
        )
    fixed = fixed_points(np.broadcast_to(multipliers, site.output.channels))
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
    product = np.float32(affine(x)[0]) * scales if is_rounded else affine(x)[0] * scales.astype(np.float64)
    return np.asarray(product.astype(np.float64) / affine(site.output)[0])


def vector_channels(site: Site) -> int:
    """How many of the first output channels the builtin kernel computes with NEON's instructions.

    CONV_2D goes to ruy, all channels; with groups to the reference kernel. DEPTHWISE_CONV_2D takes eight at a time and
    leaves the rest to plain C++.

    Raises:
        UnsupportedError: It is the builtin uint8 DEPTHWISE_CONV_2D, whose vectors run across pixels.
    """
    if site.op.kind == "CONV_2D":
        return site.output.channels if site.inputs[1].channels == site.inputs[0].channels else 0
    if site.output.dtype == "uint8":
        raise UnsupportedError("is uint8 in a builtin kernel, which is not modeled; expected int8", where=site.where)
    return site.output.channels // _VECTOR * _VECTOR


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
