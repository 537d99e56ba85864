"""Fixed-point multiplication as LiteRT's builtin kernels do it: a 31-bit multiplier, a shift, two roundings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FRACTION_BITS = 31
_SMALLEST_EXPONENT = -31


@dataclass(frozen=True)
class FixedPoint:
    """The real number ``multiplier · 2^(shift − 31)``, ``2³⁰ ≤ |multiplier| < 2³¹`` or 0."""

    multiplier: int
    shift: int


def fixed_point(real: float) -> FixedPoint:
    """The fixed-point number nearest to a real one; a negative one has a negative multiplier.

    Must equal TFLite's ``QuantizeMultiplier`` (``kernels/internal/quantization_util.cc``).

    Args:
        real: Of magnitude under 2³⁰; under 2⁻³² it becomes 0.
    """
    fraction, exponent = np.frexp(abs(real))
    multiplier = int(np.floor(fraction * 2.0**_FRACTION_BITS + 0.5))
    if multiplier == 2**_FRACTION_BITS:
        multiplier, exponent = multiplier // 2, exponent + 1
    if exponent < _SMALLEST_EXPONENT:
        return FixedPoint(0, 0)
    return FixedPoint(-multiplier if real < 0 else multiplier, int(exponent))


def multiply(x: NDArray[Any], factor: FixedPoint) -> NDArray[np.int64]:
    """``x · factor``, rounded twice: to 31 fraction bits (ties up), then to an integer (ties away from zero).

    ``h = (x·2^max(shift, 0)·multiplier + nudge) / 2³¹``, cut towards zero, with nudge 2³⁰, or 1 − 2³⁰ where the product
    is negative; then ``round(h / 2^max(−shift, 0))``. Must equal TFLite's ``MultiplyByQuantizedMultiplier`` in its
    double-rounding build (``SaturatingRoundingDoublingHighMul``, ``RoundingDivideByPOT``), which LiteRT 2.3 is.

    Args:
        x: Integers with ``|x| · 2^shift < 2³¹``.
        factor: What they are multiplied with.
    """
    product = (x.astype(np.int64) << max(factor.shift, 0)) * factor.multiplier
    half = 1 << (_FRACTION_BITS - 1)
    high = np.where(product >= 0, (product + half) >> _FRACTION_BITS, -((half - 1 - product) >> _FRACTION_BITS))
    right = max(-factor.shift, 0)
    threshold = (((1 << right) - 1) >> 1) + (high < 0)
    rounded: NDArray[np.int64] = (high >> right) + ((high & ((1 << right) - 1)) > threshold)
    return rounded
