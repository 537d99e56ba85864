"""Every function that rounds, against Python's integers and fractions."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kit import oracle
from kit.oracle import clipped, float32, half_away, half_even

from sr2tflite.numerics import builtin, elementwise, qparams
from sr2tflite.numerics.activation import REAL_RANGES, code_range
from sr2tflite.numerics.fixed_point import FixedPoint, doubling_high_product, fixed_point, multiply
from sr2tflite.numerics.hard_swish import hard_swish, output_factor
from sr2tflite.numerics.qparams import LIMITS, QuantParams
from sr2tflite.numerics.requantize import add_params, conv_multipliers, requantize, requantize_in_place

INT32 = st.integers(-(2**31), 2**31 - 1)
CENTERED = st.integers(-255, 255)
ZEROS = st.integers(-128, 127)
POWERS = st.integers(-24, 8).map(lambda e: 2.0**e)


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    """Float32 numbers; as often powers of two, where ties are."""
    low, high = float(np.float32(low)), float(np.float32(high))
    return st.floats(low, high, width=32) | POWERS.filter(lambda x: low <= x <= high)


SCALES = floats(2.0**-20, 2.0**10)
ANY_SCALES = SCALES | st.floats(2.0**-126, 2.0**60, width=32)


def one(value: object) -> int:
    """The only value of an array."""
    return int(np.asarray(value).reshape(-1)[0])


def codes(*values: int) -> tuple[np.ndarray, ...]:
    return tuple(np.array([value]) for value in values)


@given(st.floats(-(2.0**29), 2.0**29) | st.floats(-1, 1) | POWERS)
def test_a_fixed_point_number(real: float) -> None:
    assert fixed_point(real) == FixedPoint(*oracle.quantized_multiplier(real))


@given(INT32, st.floats(-(2.0**29), 2.0**29) | st.floats(-1, 1) | POWERS, st.booleans())
def test_a_product_in_fixed_point(x: int, real: float, ties_up: bool) -> None:
    assert one(multiply(*codes(x), fixed_point(real), ties_up=ties_up)) == oracle.scaled(x, real, ties_up=ties_up)


@given(INT32, INT32)
def test_a_doubling_high_product(a: int, b: int) -> None:
    assert one(doubling_high_product(*codes(a), b)) == oracle.high_product(a, b)


@given(INT32 | st.integers(-(2**16), 2**16), floats(2.0**-40, 255.0), ZEROS, ZEROS)
def test_a_requantized_sum(acc: int, multiplier: float, zero: int, low: int) -> None:
    product = float32(float32(acc) * Fraction(multiplier))
    want = clipped(half_even(product) + zero, low, 127)
    factor = np.array([multiplier], np.float32)
    assert one(requantize(*codes(acc), factor, zero, low, 127)) == want
    out = np.empty(1, np.int8)
    requantize_in_place(np.array([acc], np.float32), factor, zero, (low, 127), out)
    assert one(out) == want


@given(INT32, st.integers(0, 130), ZEROS)
def test_a_requantized_sum_beside_a_tie(acc: int, steps: int, zero: int) -> None:
    assume(abs(acc) > 255)
    factor = np.float32((steps + 0.5) / abs(acc))
    for multiplier in (factor, np.nextafter(factor, np.float32(0)), np.nextafter(factor, np.float32(1))):
        want = clipped(half_even(float32(float32(acc) * Fraction(float(multiplier)))) + zero, -128, 127)
        assert one(requantize(*codes(acc), np.array([multiplier]), zero, -128, 127)) == want
        out = np.empty(1, np.int8)
        requantize_in_place(np.array([acc], np.float32), np.array([multiplier]), zero, (-128, 127), out)
        assert one(out) == want


@given(ANY_SCALES, ANY_SCALES, ANY_SCALES)
def test_the_multipliers_of_products(a: float, b: float, out: float) -> None:
    product = float32(Fraction(a) * Fraction(b))
    assume(product / Fraction(out) < 2**127)
    want = float32(product / Fraction(out))
    assert Fraction(float(elementwise.mul_multiplier(a, b, out))) == want
    assert Fraction(float(conv_multipliers(a, (b,), out)[0])) == want
    assert Fraction(qparams.bias_params(a, QuantParams((b,), (0,))).scale[0]) == product


def add_oracle(a: float, b: float, out: float) -> tuple[int, int, int]:
    ratios = [float32(Fraction(scale) / Fraction(out)) for scale in (a, b)]
    shift = 20
    while max(ratios) * Fraction(2) ** shift >= 2**21:
        shift -= 1
    while max(ratios) * Fraction(2) ** shift < 2**20:
        shift += 1
    left, right = (half_even(ratio * Fraction(2) ** shift) for ratio in ratios)
    return left, right, shift


@given(CENTERED, CENTERED, SCALES, floats(2.0**-9, 2.0**7), floats(2.0**-9, 2.0**7), st.booleans())
def test_a_sum_on_xnnpack(a: int, b: int, out: float, ratio_a: float, ratio_b: float, subtract: bool) -> None:
    scales = tuple(float(np.float32(out * ratio)) for ratio in (ratio_a, ratio_b))
    left, right, shift = add_oracle(*scales, out)
    params = (elementwise.subtract_params if subtract else add_params)(*scales, out)
    right = -right if subtract else right
    assert (params.multiplier_a, params.multiplier_b, params.shift) == (left, right, shift)
    assert one(elementwise.add(*codes(a, b), params)) == oracle.half_up(Fraction(a * left + b * right, 2**shift))


@given(CENTERED, CENTERED, floats(2.0**-16, 255.0))
def test_a_product_on_xnnpack(a: int, b: int, multiplier: float) -> None:
    want = half_even(float32(Fraction(a * b) * Fraction(multiplier)))
    assert one(elementwise.mul(*codes(a, b), np.float32(multiplier))) == want


@given(CENTERED, SCALES, floats(2.0**-8, 127.0), floats(-1.5, 1.5))
def test_a_leaky_relu_on_xnnpack(x: int, out: float, ratio: float, alpha: float) -> None:
    scale = float(np.float32(out * ratio))
    assume(elementwise.leaky_relu_is_delegated(alpha, scale, out))
    factor = float32(Fraction(scale) / Fraction(out))
    factor = factor if x >= 0 else float32(factor * Fraction(alpha))
    want = oracle.half_up(Fraction(x * half_even(256 * factor), 256))
    assert one(elementwise.leaky_relu(*codes(x), alpha, scale, out)) == want


@given(CENTERED, SCALES, floats(2.0**-8, 127.0))
def test_a_conversion_on_xnnpack(x: int, out: float, ratio: float) -> None:
    scale = float(np.float32(out * ratio))
    factor = half_even(256 * float32(Fraction(scale) / Fraction(out)))
    assert one(elementwise.convert(*codes(x), scale, out)) == oracle.half_up(Fraction(x * factor, 256))


@given(CENTERED, CENTERED, SCALES, SCALES, floats(2.0**-18, 2.0**10), st.sampled_from([1, -1]))
def test_a_sum_on_builtin_kernels(a: int, b: int, first: float, second: float, ratio: float, sign: int) -> None:
    scales, out = (first, second), float(np.float32(max(first, second) * ratio))
    assert one(builtin.add(*codes(a, b), scales, out, sign=sign)) == oracle.sum_of_two(a, b, scales, out, sign)
    for shifts_first in (True, False):
        want = oracle.vector_sum(a, b, scales, out, shifts_first=shifts_first)
        assert one(builtin.add_in_vectors(*codes(a, b), scales, out, shifts_first=shifts_first)) == want


@given(INT32, ZEROS, st.booleans())
def test_sixteen_bits(v: int, zero: int, saturates: bool) -> None:
    held = clipped(v, -(2**15), 2**15 - 1) if saturates else oracle.wrapped(v, 16)
    assert one(builtin.narrowed(*codes(v), zero, saturates=saturates)) == oracle.wrapped(held + zero, 16) - zero


@given(CENTERED, CENTERED, SCALES, SCALES, floats(2.0**-14, 2.0**14))
def test_products_and_slopes_on_builtin_kernels(a: int, b: int, first: float, second: float, ratio: float) -> None:
    product = float32(Fraction(first) * Fraction(second))
    out = float(np.float32(float(product) * ratio))
    assume(float32(Fraction(first) / Fraction(out)) < 2**30)
    both, alone = (float(float32(x / Fraction(out))) for x in (product, Fraction(first)))
    assert one(builtin.mul(*codes(a, b), (first, second), out)) == oracle.scaled(a * b, both)
    want = oracle.scaled(a, alone) if a >= 0 else oracle.scaled(a * b, both)
    assert one(elementwise.prelu(*codes(a, b), first, second, out)) == want
    for alpha in (second, -second):
        want = oracle.scaled(a, alone) if a >= 0 else oracle.scaled(a, both) * (1 if alpha > 0 else -1)
        assert one(builtin.leaky_relu(*codes(a), alpha, first, out)) == want


@given(CENTERED, floats(2.0**-16, 1.0), floats(2.0**-9, 64.0))
def test_a_hard_swish(v: int, scale: float, ratio: float) -> None:
    out = float(np.float32(scale / ratio))
    assume(int(output_factor(scale, out).shift) <= 0)
    assert one(hard_swish(*codes(v), scale, out)) == oracle.hard_swish(v, scale, out)


@given(CENTERED, floats(2.0**-12, 2.0), ZEROS, floats(2.0**-9, 0.5))
def test_tables(v: int, scale: float, zero: int, out: float) -> None:
    real = float32(Fraction(scale) * v)
    gate = float32(float32(oracle.sigmoid(real)) * 256)
    assert one(elementwise.logistic(*codes(v), scale, zero)) == half_even(float32(gate + zero)) - zero
    inverse = float32(1 / Fraction(out))
    steps = float32(float32(oracle.tanh(real)) * inverse)
    assert one(elementwise.tanh(*codes(v), scale, out, zero)) == half_even(float32(steps + zero)) - zero
    assert one(builtin.table(builtin.tanh, *codes(v), scale, out)) == half_away(steps)
    assert one(builtin.table(lambda x: x, *codes(v), scale, out)) == half_away(float32(real * inverse))


@pytest.mark.parametrize("activation", sorted(REAL_RANGES))
@given(scale=SCALES | st.floats(2.0**-3, 2.0**3, width=32), zero=ZEROS, steps=st.integers(0, 127))
def test_the_codes_an_activation_keeps(activation: str, scale: float, zero: int, steps: int) -> None:
    ends = [end for end in REAL_RANGES[activation] if end]
    for near in (scale, float(np.float32((ends or [1.0])[-1] / (steps + 0.5)))):
        for half_even_codes in (True, False):
            want = [
                limit if end is None else clipped(_end(Fraction(end), near, zero, half_even_codes), -128, 127)
                for end, limit in zip(REAL_RANGES[activation], LIMITS["int8"], strict=True)
            ]
            params = QuantParams((near,), (zero,))
            assert list(code_range(activation, params, "int8", half_even=half_even_codes)) == want


def _end(end: Fraction, scale: float, zero: int, to_even: bool) -> int:
    quotient = float32(end / Fraction(scale))
    return half_even(float32(quotient + zero)) if to_even else half_away(quotient) + zero


@given(st.floats(-300, 300, width=32), st.booleans(), SCALES, ZEROS)
def test_codes_of_floats(steps: float, tie: bool, scale: float, zero: int) -> None:
    steps = floor(steps) + 0.5 if tie else steps
    real, limits = np.array([steps * scale], np.float32), LIMITS["int8"]
    exact, step = Fraction(float(real[0])), Fraction(scale)
    wants = {
        "xnnpack": half_even(float32(exact * float32(1 / step))),
        "reference": half_away(float32(exact / step)),
        "builtin": half_away(Fraction(float(real[0]) / scale)),
    }
    for rounding, want in wants.items():
        found = qparams.quantize_float(real, scale, zero, limits, rounding)  # type: ignore[arg-type]
        assert one(found) == clipped(want + zero, *limits), rounding
    params = QuantParams((scale,), (zero,))
    want = clipped(half_even(Fraction(float(real[0]) / scale)) + zero, *limits)
    assert one(qparams.quantize(real, params, "int8")) == want


@given(st.integers(-128, 127), ANY_SCALES, ZEROS)
def test_floats_of_codes(code: int, scale: float, zero: int) -> None:
    params, step = QuantParams((scale,), (zero,)), Fraction(scale)
    found = qparams.dequantize(np.array([code], np.int8), params)[0]
    assert Fraction(float(found)) == float32(step * (code - zero))
    in_two = qparams.dequantize_in_two(np.array([code], np.int8), params)[0]
    assert Fraction(float(in_two)) == float32(float32(step * code) + float32(-zero * step))


@given(st.floats(2.0**-39, 2.0**60))
def test_a_scale_of_sixteen_bits(scale: float) -> None:
    value, power = Fraction(scale), Fraction(1)
    while value / power >= 2**16:
        power *= 2
    while value / power < 2**15:
        power /= 2
    assert Fraction(float(qparams.round_scale(scale))) == half_even(value / power) * power
