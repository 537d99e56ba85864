"""TFLite's rounding rules on Python's integers and fractions, which never round by themselves.

Every function is written from the C++ it names, not from ``numerics``.
"""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor

HALF = Fraction(1, 2)


def half_even(value: Fraction) -> int:
    """``lrintf``, ``vcvtnq``."""
    return round(value)


def half_up(value: Fraction) -> int:
    return floor(value + HALF)


def half_away(value: Fraction) -> int:
    """``std::round``, ``TfLiteRound``."""
    return half_up(value) if value >= 0 else -half_up(-value)


def truncated(value: Fraction) -> int:
    """C++'s division of integers."""
    return floor(value) if value >= 0 else -floor(-value)


def float32(value: Fraction | int) -> Fraction:
    """The nearest float32, ties to even, denormal ones too; finite values only."""
    value = Fraction(value)
    if value == 0:
        return value
    exponent = abs(value.numerator).bit_length() - value.denominator.bit_length()
    exponent -= abs(value) < Fraction(2) ** exponent
    step = Fraction(2) ** (max(exponent, -126) - 23)
    return round(value / step) * step


def wrapped(value: int, bits: int) -> int:
    """Two's complement."""
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def clipped(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def high_product(a: int, b: int, bits: int = 32) -> int:
    """``gemmlowp::SaturatingRoundingDoublingHighMul`` of 16 or 32 bits."""
    if a == b == -(1 << bits - 1):
        return (1 << bits - 1) - 1
    nudge = 1 << bits - 2 if a * b >= 0 else 1 - (1 << bits - 2)
    return truncated(Fraction(a * b + nudge, 1 << bits - 1))


def quantized_multiplier(real: float) -> tuple[int, int]:
    """``QuantizeMultiplier``: 31 bits and a power of two."""
    if real == 0:
        return 0, 0
    value, shift = Fraction(abs(real)), 0
    while value >= 1:
        value, shift = value / 2, shift + 1
    while value < HALF:
        value, shift = value * 2, shift - 1
    bits = half_away(value * 2**31)
    if bits == 2**31:
        bits, shift = bits // 2, shift + 1
    if shift < -31:
        return 0, 0
    return -bits if real < 0 else bits, shift


def scaled(x: int, real: float, *, ties_up: bool = False) -> int:
    """``MultiplyByQuantizedMultiplier`` in its double-rounding build; NEON's second rounding has ties up."""
    multiplier, shift = quantized_multiplier(real)
    high = high_product(wrapped(x << max(shift, 0), 32), multiplier)
    return (half_up if ties_up else half_away)(Fraction(high, 1 << max(-shift, 0)))


def sum_of_two(a: int, b: int, scales: tuple[float, float], out: float, sign: int = 1) -> int:
    """``AddElementwise`` and ``SubElementwise`` of the reference kernels."""
    twice = 2 * max(scales)
    left, right = (scaled(v << 20, s / twice) for v, s in zip((a, b), scales, strict=True))
    return scaled(left + sign * right, twice / (2**20 * out))


def vector_sum(a: int, b: int, scales: tuple[float, float], out: float, *, shifts_first: bool) -> int:
    """``AddElementwiseInt8`` or ``AddScalarBroadcast`` of the optimized kernels, in vectors."""
    twice, parts = 2 * max(scales), []
    for v, scale in zip((a, b), scales, strict=True):
        multiplier, shift = quantized_multiplier(scale / twice)
        if shifts_first:
            parts.append(high_product(floor(Fraction(v) * Fraction(2) ** (20 + shift)), multiplier))
        else:
            parts.append(floor(Fraction(high_product(v << 20, multiplier)) * Fraction(2) ** shift))
    return scaled(sum(parts), twice / (2**20 * out))


def hard_swish(v: int, scale: float, out: float) -> int:
    """``reference_ops::HardSwish``."""

    def reduced(multiplier: int) -> int:
        return min(multiplier + (1 << 15) >> 16, 2**15 - 1)

    def divided(x: int, exponent: int) -> int:
        return half_away(Fraction(x, 1 << exponent)) if exponent < 16 else (1 if x >= 0 else -1)

    fine_scale = float32(Fraction(scale) / 128)
    out_multiplier, out_shift = quantized_multiplier(float(float32(fine_scale / Fraction(out))))
    gate_multiplier, gate_shift = quantized_multiplier(float(float32(fine_scale / Fraction(3, 32768))))
    fine = v * 128
    gate = fine if gate_shift <= 0 else clipped(fine << gate_shift - 1, -(2**15), 2**15 - 1)
    gate = high_product(gate, reduced(gate_multiplier), 16)
    gate = clipped(gate << 1, -(2**15), 2**15 - 1) if gate_shift > 0 else divided(gate, -gate_shift)
    product = (gate + (1 << 15) >> 1) * high_product(fine, reduced(out_multiplier), 16)
    return divided(truncated(Fraction(product, 1 << 15)), -out_shift)


def sigmoid(x: Fraction) -> Fraction:
    """``1/(1 + exp(−x))`` to 50 digits."""
    with localcontext() as context:
        context.prec = 50
        return Fraction(1 / (1 + (-Decimal(x.numerator) / Decimal(x.denominator)).exp()))


def tanh(x: Fraction) -> Fraction:
    """To 50 digits."""
    return 2 * sigmoid(2 * x) - 1
