"""HARD_SWISH on 8-bit codes, in 16-bit fixed point, as LiteRT's builtin kernels compute it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.numerics.fixed_point import FixedPoint, fixed_point, high_product_16, rounding_shift

_LARGEST = 2**15 - 1
_FINE = 128
"""Inputs are shifted to the left by seven bits first."""

_RELUISH_SCALE = np.float32(3) / np.float32(32768)
"""3 is the code 32768."""


def output_factor(scale: float, scale_out: float) -> FixedPoint:
    """What fine inputs are multiplied with to become outputs; its shift may not be positive."""
    return fixed_point(float(_fine(scale) / np.float32(scale_out)))


def hard_swish(v: NDArray[Any], scale: float, scale_out: float) -> NDArray[np.int64]:
    """``x·min(max(x + 3, 0), 6)/6`` of centered codes.

    Must equal TFLite's ``reference_ops::HardSwish`` (``kernels/internal/reference/hard_swish.h``).

    Args:
        v: Centered codes, of magnitude up to 255.
        scale: Of the input.
        scale_out: Of the output.
    """
    fine = v.astype(np.int64) * _FINE
    out = output_factor(scale, scale_out)
    preshift = high_product_16(fine, _reduced(out))
    gate = _gate(fine, fixed_point(float(_fine(scale) / _RELUISH_SCALE)))
    product = gate * preshift
    high = np.where(product >= 0, product >> 15, -(-product >> 15))
    return _rounding_shift(high, -int(out.shift))


def _gate(fine: NDArray[np.int64], factor: FixedPoint) -> NDArray[np.int64]:
    """``min(max(x/3, −1), 1)`` moved to 0…1, 32768 for 1."""
    shift = int(factor.shift)
    if shift > 0:
        fine = _saturated(fine << (shift - 1))
    gate = high_product_16(fine, _reduced(factor))
    if shift > 0:
        gate = _saturated(gate << 1)
    if shift < 0:
        gate = _rounding_shift(gate, -shift)
    return (gate + (1 << 15)) >> 1


def _fine(scale: float) -> np.float32:
    return np.float32(1 / _FINE) * np.float32(scale)


def _reduced(factor: FixedPoint) -> int:
    """15 bits of a multiplier."""
    return min((int(factor.multiplier) + (1 << 15)) >> 16, _LARGEST)


def _rounding_shift(x: NDArray[np.int64], exponent: int) -> NDArray[np.int64]:
    """Gemmlowp's ``RoundingDivideByPOT`` of 16 bits, whose mask is −1 from 16 on: 1 from zero up, −1 below."""
    return rounding_shift(x, exponent) if exponent < 16 else np.where(x >= 0, 1, -1)


def _saturated(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(x, -_LARGEST - 1, _LARGEST)
