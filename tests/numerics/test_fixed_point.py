from fractions import Fraction
from math import floor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sr2tflite.numerics.fixed_point import (
    WIDE_LIMITS,
    FixedPoint,
    doubling_high_product,
    fixed_point,
    fixed_points,
    multiply,
    multiply_wide,
    rounding_shift,
    rounding_shift_up,
)

REALS = st.floats(2.0**-31, 2.0**8)


@given(REALS, st.booleans())
def test_a_multiplier_has_31_bits_and_is_the_nearest_such(real: float, negative: bool) -> None:
    found = fixed_point(-real if negative else real)
    assert 2**30 <= abs(found.multiplier) < 2**31
    assert (found.multiplier < 0) == negative
    value = Fraction(abs(found.multiplier)) * Fraction(2) ** (found.shift - 31)
    assert abs(value - Fraction(real)) <= Fraction(2) ** (found.shift - 32)


def test_a_multiplier_that_rounds_up_to_a_power_of_two_stays_in_31_bits() -> None:
    assert fixed_point(1 - 2.0**-40) == FixedPoint(2**30, 1)


def test_what_is_too_small_becomes_zero() -> None:
    assert fixed_point(2.0**-33) == fixed_point(0.0) == FixedPoint(0, 0)


def truncated(numerator: int, denominator: int) -> int:
    """C++'s division."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def as_in_cpp(x: int, factor: FixedPoint) -> int:
    product = (x << max(factor.shift, 0)) * factor.multiplier
    high = truncated(product + (2**30 if product >= 0 else 1 - 2**30), 2**31)
    divisor = 2 ** max(-factor.shift, 0)
    rounded = (2 * abs(high) + divisor) // (2 * divisor)  # ties away from zero
    return rounded if high >= 0 else -rounded


INT32 = st.integers(-(2**31), 2**31 - 1)


@given(st.lists(INT32, min_size=1, max_size=20), INT32)
def test_a_doubling_high_product_is_gemmlowps(values: list[int], other: int) -> None:
    def saturated(a: int, b: int) -> int:
        return 2**31 - 1 if a == b == -(2**31) else truncated(a * b + (2**30 if a * b >= 0 else 1 - 2**30), 2**31)

    assert doubling_high_product(np.array(values), other).tolist() == [saturated(x, other) for x in values]


def test_a_doubling_high_product_saturates() -> None:
    assert doubling_high_product(np.array([-(2**31)]), -(2**31)).tolist() == [2**31 - 1]


@given(st.lists(INT32, min_size=1, max_size=20), st.integers(0, 31))
def test_shifts_round_ties_away_from_zero_or_up(values: list[int], exponent: int) -> None:
    exact = [Fraction(x, 2**exponent) for x in values]
    away = [floor(abs(x) + Fraction(1, 2)) * (1 if x >= 0 else -1) for x in exact]
    assert rounding_shift(np.array(values), exponent).tolist() == away
    assert rounding_shift_up(np.array(values), exponent).tolist() == [floor(x + Fraction(1, 2)) for x in exact]


@given(st.lists(st.tuples(st.integers(-(2**22), 2**22), REALS), min_size=1, max_size=9))
def test_channels_have_factors_of_their_own(pairs: list[tuple[int, float]]) -> None:
    values, reals = np.array([[x for x, _ in pairs]]), [real for _, real in pairs]
    for ties_up in (False, True):
        each = [int(multiply(values[:, c], fixed_point(real), ties_up=ties_up)[0]) for c, real in enumerate(reals)]
        assert multiply(values, fixed_points(reals), ties_up=ties_up).tolist() == [each]


def test_a_shift_to_the_left_wraps_in_32_bits() -> None:
    assert multiply(np.array([2**30]), fixed_point(4.0)).tolist() == [0]


@given(st.lists(st.integers(-65025, 65025), min_size=1, max_size=20), REALS | st.integers(-31, 8).map(lambda e: 2.0**e))
def test_a_product_is_rounded_twice(values: list[int], real: float) -> None:
    factor = fixed_point(real)
    assert multiply(np.array(values), factor).tolist() == [as_in_cpp(x, factor) for x in values]


def test_two_roundings_are_not_one() -> None:
    assert multiply(np.array([9, -9]), fixed_point(0.25)).tolist() == [3, -2]


@given(
    st.lists(st.integers(1 - WIDE_LIMITS[0], WIDE_LIMITS[0] - 1), min_size=1, max_size=20),
    st.floats(2.0**-32, WIDE_LIMITS[1], exclude_max=True) | st.integers(-32, 6).map(lambda e: 2.0**e),
)
def test_a_product_of_64_bits_is_rounded_once_after_its_factor_lost_16(values: list[int], real: float) -> None:
    factor = fixed_point(real)
    short = min(floor(Fraction(int(factor.multiplier), 2**16) + Fraction(1, 2)), 2**15 - 1)
    exact = [Fraction(x * short) * Fraction(2) ** (factor.shift - 15) for x in values]
    rounded = [floor(x + Fraction(1, 2)) for x in exact]
    in_32_bits = [(x + 2**31) % 2**32 - 2**31 for x in rounded]
    assert multiply_wide(np.array(values), factor).tolist() == in_32_bits


def test_channels_have_64_bit_factors_of_their_own() -> None:
    values, reals = np.array([[10**9, -(10**9), 7]]), [0.3, 2.0**-20, 90.5]
    each = [int(multiply_wide(values[:, c], fixed_point(real))[0]) for c, real in enumerate(reals)]
    assert multiply_wide(values, fixed_points(reals)).tolist() == [each]
