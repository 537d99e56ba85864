from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sr2tflite.numerics import mean

SCALES = st.sampled_from([0.25, 1.0, 3.0, 0.1, 1 / 3]).map(lambda s: float(np.float32(s)))
GRIDS = st.tuples(SCALES, st.integers(-128, 127))
ENDS = (-(10**9), 10**9)


@given(codes=st.lists(st.integers(-128, 127), min_size=1, max_size=60), x=GRIDS, out=GRIDS)
def test_every_kernel_is_as_near_to_the_mean_as_its_roundings_are(
    codes: list[int], x: tuple[float, int], out: tuple[float, int]
) -> None:
    sums, count = np.array([sum(codes)]), len(codes)
    real = Fraction(sum(codes) - count * x[1], count) * Fraction(x[0]) / Fraction(out[0]) + out[1]
    found = [
        mean.by_float(sums, count, x, out, ENDS),
        mean.by_fixed_point(sums, count, x, out),
        *(mean.over_images(sums, count, x, out, ties_up=ties_up) for ties_up in (False, True)),
    ]
    # fixed point rounds twice, at first at least twice as finely: ¾; over images, the zero point is rounded as well
    halves = (Fraction(1, 2), Fraction(3, 4), Fraction(5, 4), Fraction(5, 4))
    for codes_out, half in zip(found, halves, strict=True):
        assert abs(int(codes_out[0]) - real) <= half + Fraction(1, 1000)


@given(code=st.integers(-128, 127), count=st.integers(1, 10_000), zero=st.integers(-128, 127))
def test_the_mean_of_one_value_is_that_value(code: int, count: int, zero: int) -> None:
    grid, sums = (0.5, zero), np.array([code * count])
    assert mean.by_float(sums, count, grid, grid, ENDS) == code
    assert mean.by_fixed_point(sums, count, grid, grid) == code


def test_fixed_point_rounds_a_quarter_to_one() -> None:
    """First to a half, then to one: what LiteRT's builtin and reference kernels give, and XNNPACK does not."""
    grid, sums = (1.0, 0), np.array([1])
    assert mean.by_fixed_point(sums, 4, grid, grid) == 1
    assert mean.by_float(sums, 4, grid, grid, ENDS) == 0
