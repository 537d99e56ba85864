from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr2tflite.numerics.requantize import (
    add_params,
    add_ratio_is_delegated,
    conv_multipliers,
    requantize,
    requantize_in_place,
)

SCALES = st.floats(2.0**-20, 2.0**10, width=32)


def _half_even(value: Fraction) -> int:
    return round(value)  # Python rounds fractions half to even, exactly


@given(st.integers(-(2**24) + 1, 2**24 - 1), st.floats(2.0**-20, 0.984375, width=32), st.integers(-128, 127))
def test_requantization_is_one_float32_product_rounded_half_to_even(acc: int, multiplier: float, zero: int) -> None:
    product = Fraction(float(np.float32(acc) * np.float32(multiplier)))
    want = min(max(_half_even(product) + zero, -128), 127)
    got = requantize(np.array([acc]), np.array([multiplier], np.float32), zero, -128, 127)
    assert got.tolist() == [want]


def test_a_fused_relu_is_the_lower_limit() -> None:
    got = requantize(np.array([-50, 50]), np.ones(1, np.float32), 3, 3, 127)
    assert got.tolist() == [3, 53]


@given(SCALES, st.lists(SCALES, min_size=1, max_size=4), SCALES)
def test_multipliers_are_float32_one_operation_after_the_other(x: float, weights: list[float], out: float) -> None:
    got = conv_multipliers(x, tuple(weights), out)
    assert got.dtype == np.float32
    for value, weight in zip(got, weights, strict=True):
        assert value == np.float32(np.float32(x) * np.float32(weight)) / np.float32(out)


@given(SCALES, SCALES, SCALES)
def test_the_larger_ratio_of_an_addition_has_21_bits(a: float, b: float, out: float) -> None:
    params = add_params(a, b, out)
    assert 2**20 <= max(params.multiplier_a, params.multiplier_b) <= 2**21
    ratio = Fraction(float(np.float32(a) / np.float32(out)))
    assert (
        abs(Fraction(params.multiplier_a, 1) / Fraction(2) ** params.shift - ratio)
        <= Fraction(1, 2) / Fraction(2) ** params.shift
    )


@pytest.mark.parametrize(("ratio", "taken"), [(2.0**-10, True), (2.0**-11, False), (255.9, True), (256.0, False)])
def test_xnnpack_takes_ratios_between_two_powers(ratio: float, taken: bool) -> None:
    assert add_ratio_is_delegated(ratio, 1.0, 1.0) is taken
    assert add_ratio_is_delegated(1.0, ratio, 1.0) is taken


@given(
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=9),
    st.floats(2.0**-32, 2.0**7, width=32),
    st.integers(-128, 127),
    st.integers(-128, 127),
)
def test_requantization_in_place_is_the_same(sums: list[int], multiplier: float, zero: int, low: int) -> None:
    acc, factor = np.array(sums), np.array([multiplier], np.float32)
    out = np.empty(len(sums), np.int8)
    requantize_in_place(acc.astype(np.float32), factor, zero, (low, 127), out)
    assert out.tolist() == requantize(acc, factor, zero, low, 127).tolist()
