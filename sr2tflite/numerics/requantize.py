"""From 32-bit accumulators back to 8-bit codes, as LiteRT's default delegate XNNPACK does it on x86 and ARM CPUs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONV_MULTIPLIERS = (2.0**-32, 2.0**8)
"""XNNPACK takes a convolution whose multipliers lie from the first and under the second."""

ADD_RATIOS = (2.0**-10, 2.0**8)
"""XNNPACK takes an ADD whose ratios s_in / s_out lie from the first and under the second; others, builtin kernels."""


def conv_multipliers(input_scale: float, weight_scale: tuple[float, ...], output_scale: float) -> NDArray[np.float32]:
    """``m[c] = (s_x · s_w[c]) / s_out``, each operation rounded to float32.

    Must equal ``xnn_create_convolution2d_nhwc_qs8_qc8w`` (``input_scale * kernel_scale[c] / output_scale``).
    """
    products = np.float32(input_scale) * np.asarray(weight_scale, np.float32)
    return (products / np.float32(output_scale)).astype(np.float32)


def builtin_multipliers(
    input_scale: float, weight_scale: tuple[float, ...], output_scale: float
) -> NDArray[np.float64]:
    """``s_x · s_w[c] / s_out`` in float64, of which builtin kernels take the nearest fixed-point numbers.

    Must equal ``PopulateConvolutionQuantizationParams`` (``kernels/kernel_util.cc``) for int8 and int4 weights.
    """
    scales = np.asarray(weight_scale, np.float32).astype(np.float64)
    return np.asarray(input_scale * scales / output_scale, np.float64)


def requantize(
    acc: NDArray[Any], multiplier: NDArray[np.float32], zero_point: int, low: int, high: int
) -> NDArray[np.int8]:
    """``q = clip(round_half_even(float32(acc) · m) + z, low, high)``; channels are the last axis.

    Must equal XNNPACK's ``xnn_qs8_requantize_fp32`` (``lrintf``).

    Args:
        acc: Accumulators, int32, channels last.
        multiplier: One per channel, or one.
        zero_point: Of the output.
        low: Smallest code kept: −128, or the zero point under a fused ReLU.
        high: Largest code kept.
    """
    scaled = np.rint(acc.astype(np.float32) * multiplier)
    codes: NDArray[np.int8] = np.clip(scaled.astype(np.int64) + zero_point, low, high).astype(np.int8)
    return codes


def requantize_in_place(
    acc: NDArray[np.float32], multiplier: NDArray[np.float32], zero_point: int, ends: tuple[int, int], out: NDArray[Any]
) -> None:
    """As ``requantize``, on float32 accumulators that are overwritten, into int8 or uint8 codes.

    Clipping comes before rounding, which is the same because the ends are whole.

    Args:
        acc: Accumulators, rounded to float32; channels last.
        multiplier: One per channel, or one.
        zero_point: Of the output.
        ends: Smallest and largest code kept.
        out: Where the codes go.
    """
    np.multiply(acc, multiplier, out=acc)
    np.clip(acc, np.float32(ends[0] - zero_point), np.float32(ends[1] - zero_point), out=acc)
    np.rint(acc, out=acc)
    acc += np.float32(zero_point)
    np.copyto(out, acc, casting="unsafe")


@dataclass(frozen=True)
class AddParams:
    """Fixed-point constants of a quantized ADD: ``((q_a − z_a)·m_a + (q_b − z_b)·m_b + 2^(shift−1)) >> shift``."""

    multiplier_a: int
    multiplier_b: int
    shift: int


def add_params(scale_a: float, scale_b: float, scale_out: float) -> AddParams:
    """The constants of ADD, 21 bits for the larger ratio.

    ``r = s_in / s_out`` in float32; ``shift = 20 − exponent(max r)``; ``m = round_half_even(r · 2^shift)``.
    Must equal XNNPACK's ``xnn_init_qs8_add_minmax_scalar_params`` (``src/microparams-init.c``).
    """
    ratio_a = float(np.float32(scale_a) / np.float32(scale_out))
    ratio_b = float(np.float32(scale_b) / np.float32(scale_out))
    exponent = int(np.frexp(max(ratio_a, ratio_b))[1]) - 1
    shift = 20 - exponent
    return AddParams(int(np.rint(np.ldexp(ratio_a, shift))), int(np.rint(np.ldexp(ratio_b, shift))), shift)


def add_ratio_is_delegated(scale_a: float, scale_b: float, scale_out: float) -> bool:
    """Whether XNNPACK takes this ADD: both ratios of scales lie within ``ADD_RATIOS``."""
    smallest, limit = ADD_RATIOS
    return all(smallest <= scale / scale_out < limit for scale in (scale_a, scale_b))
