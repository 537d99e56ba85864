"""LOGISTIC and TANH of int16 codes of a power of two, in 16-bit fixed point, as LiteRT's builtin kernels compute them.

A number of i integer bits is a code of 2^(i−15). Every product is ``high_product_16``. All 65,536 inputs are tested.
"""

import numpy as np
from numpy.typing import NDArray

from sr2tflite.numerics.fixed_point import high_product_16, rounding_shift

Codes = NDArray[np.int64]

_ONE = 2**15 - 1
_LARGEST, _SMALLEST = _ONE, -(2**15)
_EXPONENTS = range(-2, 4)
_ROUNDS = 3
"""Of Newton's division."""


def logistic(x: Codes) -> Codes:
    """``σ(q/4096)`` in steps of 2⁻¹⁵: ``1/(1 + e^−|x|)`` or, below zero, 1 minus that.

    Must equal gemmlowp's ``logistic`` of 3 integer bits (``fixedpoint/fixedpoint.h``).
    """
    above = _saturated(_inverse_of_half_sum(_exponential(-np.abs(x), integer_bits=3)) << 1)
    return np.where(x == 0, 1 << 14, np.where(x > 0, above, _ONE - above))


def tanh(x: Codes, shift: int) -> Codes:
    """``tanh(q·2^shift/4096)`` in steps of 2⁻¹⁵: ``(1 − e^−2|x|)/(1 + e^−2|x|)`` with x's sign.

    Must equal gemmlowp's ``tanh`` of 3 integer bits (``fixedpoint/fixedpoint.h``).

    Args:
        x: int16 codes.
        shift: 0 or 1.
    """
    magnitude = np.abs(_saturated(x << shift))
    inverse = _inverse_of_half_sum(_exponential(-magnitude, integer_bits=4))
    above = _saturated((inverse - (1 << 13)) << 2)
    return np.where(x == 0, 0, np.where(x > 0, above, -above))


def _constant(real: float) -> int:
    """A number of magnitude under 1; those of LiteRT are rounded from 31 bits, to the same."""
    return int(np.floor(real * 2**15 + 0.5))


def _exponential(x: Codes, integer_bits: int) -> Codes:
    """``e^x`` for x ≤ 0, no integer bits: of x mod ¼ by its series, then a factor for each bit of the rest.

    Must equal gemmlowp's ``exp_on_negative_values``.
    """
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    part = (x & (quarter - 1)) - quarter
    result = _exponential_of_part(part << integer_bits)
    rest = part - x
    for exponent in _EXPONENTS:
        if exponent < integer_bits:
            factor = _constant(np.exp(-(2.0**exponent)))
            result = np.where(rest & (1 << (fraction_bits + exponent)), high_product_16(result, factor), result)
    return np.where(x == 0, _ONE, result)


def _exponential_of_part(x: Codes) -> Codes:
    """``e^x`` for −¼ ≤ x < 0: four terms of the series around −⅛.

    Must equal gemmlowp's ``exp_on_interval_between_negative_one_quarter_and_0_excl``.
    """
    start = _constant(np.exp(-1 / 8))
    x = x + (1 << 12)
    square = high_product_16(x, x)
    cube, fourth = high_product_16(square, x), high_product_16(square, square)
    terms = high_product_16(rounding_shift(fourth, 2) + cube, _constant(1 / 3)) + square
    return _saturated(start + high_product_16(x + rounding_shift(terms, 1), start))


def _inverse_of_half_sum(x: Codes) -> Codes:
    """``2/(1 + x)`` for 0 ≤ x ≤ 1, with 2 integer bits: Newton's division, from ``48/17 − 32/17·(1 + x)/2`` on.

    Must equal the division in gemmlowp's ``one_over_one_plus_x_for_x_in_0_1``.
    """
    half = (x + _ONE + 1) >> 1
    result = _constant(48 / 17 / 4) + high_product_16(half, _constant(-32 / 17 / 4))
    for _ in range(_ROUNDS):
        error = (1 << 13) - high_product_16(half, result)
        result = result + _saturated(high_product_16(result, error) << 2)
    return result


def _saturated(x: Codes) -> Codes:
    return np.clip(x, _SMALLEST, _LARGEST)
