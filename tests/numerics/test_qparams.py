from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr2tflite.numerics.qparams import (
    LIMITS,
    SCALE_BITS,
    SMALLEST_SCALE,
    affine,
    affine_within,
    bias_params,
    dequantize,
    operand,
    quantize,
    round_scale,
    symmetric,
)

REALS = st.floats(-1e6, 1e6, allow_nan=False)
SCALES = st.floats(SMALLEST_SCALE, 1e6)


@given(SCALES)
def test_a_scale_has_sixteen_significant_bits_and_is_the_nearest_such(scale: float) -> None:
    rounded = float(round_scale(scale))
    mantissa = Fraction(rounded)
    while mantissa.denominator > 1:
        mantissa *= 2
    bits = int(mantissa)
    while bits % 2 == 0:
        bits //= 2
    assert bits.bit_length() <= SCALE_BITS
    assert abs(Fraction(rounded) - Fraction(scale)) <= Fraction(scale) / 2**SCALE_BITS


@given(SCALES, st.integers(-255, 255))
def test_range_ends_made_of_a_scale_are_exact_in_float32(scale: float, code: int) -> None:
    rounded = round_scale(scale)
    assert float(np.float32(rounded * np.float32(code))) == float(rounded) * code


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@given(low=REALS, high=REALS)
def test_zero_is_on_the_grid_and_the_range_is_covered(dtype: str, low: float, high: float) -> None:
    params = affine(low, high, dtype)  # type: ignore[arg-type]
    (scale,), (zero_point,) = params.scale, params.zero_point
    qmin, qmax = LIMITS[dtype]
    assert qmin <= zero_point <= qmax
    # one step for the zero point's rounding, and what 16 bits take from 255 steps
    slack = scale * (1 + 256 / 2**SCALE_BITS)
    assert scale * (qmin - zero_point) <= min(low, 0.0) + slack
    assert scale * (qmax - zero_point) >= max(high, 0.0) - slack


def test_pixels_minus_128_is_the_range_of_an_image() -> None:
    assert affine(0, 255) == affine(-0.0, 255.0)
    assert (affine(0, 255).scale, affine(0, 255).zero_point) == ((1.0,), (-128,))


def test_an_empty_range_still_has_a_scale() -> None:
    assert affine(0, 0).scale[0] > 0


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=8))
def test_the_largest_weight_of_a_channel_gets_the_largest_code(peaks: list[float]) -> None:
    params = symmetric(np.array(peaks), axis=0)
    codes = quantize(np.array(peaks)[:, None], params, "int8", limit=127)
    for peak, code in zip(peaks, codes[:, 0], strict=True):
        if peak > 200 * SMALLEST_SCALE:
            assert code == 127
    assert (params.zero_point, params.axis) == ((0,) * len(peaks), 0)


@given(st.floats(1e-6, 1e3), st.integers(-128, 127), st.integers(-128, 127))
def test_codes_survive_the_way_to_real_values_and_back(scale: float, zero_point: int, code: int) -> None:
    params = affine(0, 255)
    params = type(params)((float(round_scale(scale)),), (zero_point,))
    codes = np.array([code], np.int8)
    assert quantize(dequantize(codes, params), params, "int8")[0] == code


def test_ties_go_to_the_even_code() -> None:
    params = affine(0, 255)
    assert quantize(np.array([0.5, 1.5, 2.5]), params, "int8").tolist() == [-128, -126, -126]


def test_values_outside_saturate() -> None:
    assert quantize(np.array([-9.0, 300.0]), affine(0, 255), "int8").tolist() == [-128, 127]


def test_a_bias_has_the_scale_of_its_accumulator() -> None:
    weight = symmetric(np.array([0.3, 0.7]), axis=0)
    found = np.array(bias_params(0.123, weight).scale, np.float32)
    assert (found == np.float32(0.123) * np.array(weight.scale, np.float32)).all()


@given(low=st.floats(-1e4, 1e4), high=st.floats(-1e4, 1e4), floor=st.floats(-1e4, 0), ceiling=st.floats(0, 1e4))
def test_saturation_never_passes_the_bounds(low: float, high: float, floor: float, ceiling: float) -> None:
    params = affine_within(min(low, high), max(low, high), floor, ceiling)
    (scale,), (zero_point,) = params.scale, params.zero_point
    assert scale * (127 - zero_point) <= max(ceiling, 255 * SMALLEST_SCALE)
    assert scale * (-128 - zero_point) >= min(floor, -255 * SMALLEST_SCALE)
    assert float(round_scale(scale)) == scale


@given(low=REALS, high=REALS)
def test_without_bounds_a_range_is_as_ever(low: float, high: float) -> None:
    low, high = min(low, high), max(low, high)
    assert affine_within(low, high, -np.inf, np.inf) == affine(low, high)


def test_a_bound_that_a_range_starts_with_is_met_within_a_step_of_sixteen_bits() -> None:
    for bound in (255.0, 6 * 255.0, 90.0, 0.7):
        (scale,) = affine_within(0.0, 1e6, 0.0, bound).scale
        assert bound * (1 - 2.0**-15) <= 255 * scale <= bound


@pytest.mark.parametrize("values", [[123, 117, 104], [127], [-128, 127], [127.5], [0, 0, 0], [-3, 0, 250]])
def test_integers_and_single_values_come_out_as_they_are(values: list[float]) -> None:
    real = np.array(values, np.float32)
    params = operand(real)
    np.testing.assert_array_equal(dequantize(quantize(real, params, "int8"), params), real)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=8), st.floats(0, 100))
def test_constants_are_off_by_half_a_step_at_most(values: list[float], smallest: float) -> None:
    real = np.array(values, np.float32)
    params = operand(real, smallest)
    assert params.scale[0] >= smallest * (1 - 2.0**-SCALE_BITS)
    widest = max(max(real.max(), 0) - min(real.min(), 0), SMALLEST_SCALE)
    error = np.abs(dequantize(quantize(real, params, "int8"), params) - real).max()
    finest = affine(float(real.min()), float(real.max()))
    assert error <= max(params.scale[0] / 2, 1.01 * finest.scale[0] / 2 + widest * 2.0**-SCALE_BITS) * 1.01
