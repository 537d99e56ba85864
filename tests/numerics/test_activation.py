import numpy as np
import pytest

from sr2tflite.numerics.activation import code_range
from sr2tflite.numerics.qparams import QuantParams

FOUR = QuantParams((4.0,), (1,))
"""Six is one and a half steps: a tie."""


@pytest.mark.parametrize(("zero", "even", "away"), [(0, 2, 2), (1, 2, 3), (2, 4, 4)])
def test_xnnpack_takes_the_even_code_and_others_go_away_from_zero(zero: int, even: int, away: int) -> None:
    params = QuantParams((4.0,), (zero,))
    assert code_range("RELU6", params, "int8", half_even=True) == (zero, even)
    assert code_range("RELU6", params, "int8", half_even=False) == (zero, away)


def test_ends_stay_within_the_type() -> None:
    assert code_range("RELU_N1_TO_1", QuantParams((2.0**-9,), (3,)), "int8", half_even=True) == (-128, 127)
    assert code_range("NONE", FOUR, "uint8", half_even=False) == (0, 255)


def test_the_quotient_is_rounded_to_float32() -> None:
    scale = float(np.float32(6 / 2.5))  # a little over 2.4: only in float32 is the quotient a tie
    assert 6 / scale < 2.5
    assert code_range("RELU6", QuantParams((scale,), (0,)), "int8", half_even=False) == (0, 3)
