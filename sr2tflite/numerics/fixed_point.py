"""Fixed-point multiplication as LiteRT's builtin kernels do it: a 31-bit multiplier, a shift, two roundings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FRACTION_BITS = 31
_WIDE_FRACTION_BITS = 15
_SMALLEST_EXPONENT = -31

LARGEST_FACTOR = 2.0**30
"""Factors stay under it: no kernel shifts a 32-bit integer further to the left."""


WIDE_LIMITS = (2**47, 2.0**7)
"""Of a 64-bit sum and of its factor: ``multiply_wide`` is defined under both."""


@dataclass(frozen=True)
class FixedPoint:
    """The real number ``multiplier · 2^(shift − 31)``, ``2³⁰ ≤ |multiplier| < 2³¹`` or 0; or one for each channel."""

    multiplier: int | NDArray[np.int64]
    shift: int | NDArray[np.int64]


def fixed_point(real: float) -> FixedPoint:
    """The fixed-point number nearest to a real one; a negative one has a negative multiplier.

    Must equal TFLite's ``QuantizeMultiplier`` (``kernels/internal/quantization_util.cc``).

    Args:
        real: Of magnitude under ``LARGEST_FACTOR``; under 2⁻³² it becomes 0.
    """
    fraction, exponent = np.frexp(abs(real))
    multiplier = int(np.floor(fraction * 2.0**_FRACTION_BITS + 0.5))
    if multiplier == 2**_FRACTION_BITS:
        multiplier, exponent = multiplier // 2, exponent + 1
    if exponent < _SMALLEST_EXPONENT:
        return FixedPoint(0, 0)
    return FixedPoint(-multiplier if real < 0 else multiplier, int(exponent))


def fixed_points(reals: Sequence[float] | NDArray[np.float64]) -> FixedPoint:
    """One fixed-point number for each channel, to broadcast along the last axis."""
    points = [fixed_point(float(real)) for real in reals]
    return FixedPoint(
        np.array([point.multiplier for point in points], np.int64),
        np.array([point.shift for point in points], np.int64),
    )


def doubling_high_product(a: NDArray[Any], b: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """``a·b / 2³¹``, rounded: ties up, which for a negative product is towards zero.

    ``(a·b + nudge) / 2³¹`` cut towards zero, nudge 2³⁰ or, where the product is negative, 1 − 2³⁰.
    Must equal gemmlowp's ``SaturatingRoundingDoublingHighMul`` (``fixedpoint/fixedpoint.h``).

    Args:
        a: 32-bit integers.
        b: 32-bit integers; −2³¹ times −2³¹ saturates.
    """
    product = a.astype(np.int64) * b
    half = 1 << (_FRACTION_BITS - 1)
    high = np.where(product >= 0, (product + half) >> _FRACTION_BITS, -((half - 1 - product) >> _FRACTION_BITS))
    return np.minimum(high, 2**31 - 1)


def high_product_16(a: NDArray[Any], b: NDArray[Any] | int) -> NDArray[np.int64]:
    """``a·b / 2¹⁵`` of 16-bit integers, rounded: ties up; −2¹⁵ times −2¹⁵ saturates.

    Must equal gemmlowp's ``SaturatingRoundingDoublingHighMul`` of 16 bits (``fixedpoint/fixedpoint.h``).
    """
    rounded: NDArray[np.int64] = (a.astype(np.int64) * b + (1 << 14)) >> 15
    return np.minimum(rounded, 2**15 - 1)


def rounding_shift(x: NDArray[np.int64], exponent: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """``round(x / 2^exponent)``, ties away from zero.

    Must equal gemmlowp's ``RoundingDivideByPOT`` (``fixedpoint/fixedpoint.h``).
    """
    mask = np.left_shift(np.int64(1), exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    rounded: NDArray[np.int64] = (x >> exponent) + ((x & mask) > threshold)
    return rounded


def rounding_shift_up(x: NDArray[np.int64], exponent: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """``round(x / 2^exponent)``, ties up: ARM's ``vrshlq_s32`` with a negative shift."""
    shifted: NDArray[np.int64] = (x + (np.left_shift(np.int64(1), exponent) >> 1)) >> exponent
    return shifted


def multiply(x: NDArray[Any], factor: FixedPoint, *, ties_up: bool = False) -> NDArray[np.int64]:
    """``x · factor``, rounded twice: ``rounding_shift(doubling_high_product(x·2^max(shift, 0), m), max(−shift, 0))``.

    Must equal TFLite's ``MultiplyByQuantizedMultiplier`` (``kernels/internal/common.cc``) in its double-rounding build,
    which LiteRT 2.3 is; the shift to the left wraps in 32 bits, as it does there. Kernels written for NEON, which run
    on x86 too, round the second time with ``vrshlq_s32``: ties up.

    Args:
        x: 32-bit integers; factors of channels go along the last axis.
        factor: What they are multiplied with.
        ties_up: Whether ties go up in the second rounding, as in kernels written for NEON, or away from zero.
    """
    left, right = np.maximum(factor.shift, 0), np.maximum(np.negative(factor.shift), 0)
    shifted = (x.astype(np.int64) << left).astype(np.int32)
    product = doubling_high_product(shifted, factor.multiplier)
    return rounding_shift_up(product, right) if ties_up else rounding_shift(product, right)


def multiply_wide(x: NDArray[np.int64], factor: FixedPoint) -> NDArray[np.int64]:
    """``x · factor``, rounded once, ties up, with the multiplier rounded to 15 bits first.

    ``(x·m + 2^(14−shift)) >> (15 − shift)``, ``m = min((multiplier + 2¹⁵) >> 16, 2¹⁵ − 1)``, then cut to 32 bits. Must
    equal TFLite's ``MultiplyByQuantizedMultiplier`` of 64-bit sums (``kernels/internal/common.cc``), in either build.

    Args:
        x: Of magnitude under ``WIDE_LIMITS``; factors of channels go along the last axis.
        factor: Not negative, under ``WIDE_LIMITS``.
    """
    reduced = np.minimum((factor.multiplier + np.int64(1 << 15)) >> 16, 2**_WIDE_FRACTION_BITS - 1)
    total = np.asarray(_WIDE_FRACTION_BITS - factor.shift, np.int64)
    shifted: NDArray[np.int64] = (x * reduced + np.left_shift(np.int64(1), total - 1)) >> total
    return shifted.astype(np.int32).astype(np.int64)
