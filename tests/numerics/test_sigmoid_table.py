"""The interpolated table against real numbers; every byte against LiteRT is tested with the kernels."""

from collections.abc import Callable
from math import tanh

import numpy as np
import pytest

from sr2tflite.numerics import sigmoid_table

CODES = np.arange(-(2**15), 2**15)


def sigmoid(x: float) -> float:
    return (1 + tanh(x / 2)) / 2


@pytest.mark.parametrize(
    ("found", "function"), [(sigmoid_table.logistic, sigmoid), (sigmoid_table.tanh, tanh)], ids=["logistic", "tanh"]
)
@pytest.mark.parametrize("scale", [2.0**-12, 2.0**-11, 3.3e-4, 1e-6, 0.01, 5.0])
def test_the_table_is_within_six_steps_of_the_function(
    found: Callable[[np.ndarray, float], np.ndarray], function: Callable[[float], float], scale: float
) -> None:
    exact = np.array([function(scale * float(code)) for code in CODES[::7]]) * 2**15
    codes = found(CODES[::7], scale)
    assert np.abs(codes - exact).max() < 6
    assert codes.min() >= -(2**15)
    assert codes.max() <= 2**15 - 1


def test_fixed_point_is_for_two_powers() -> None:
    assert sigmoid_table.is_fixed_point("LOGISTIC", 2.0**-12)
    assert not sigmoid_table.is_fixed_point("LOGISTIC", 2.0**-11)
    assert sigmoid_table.is_fixed_point("TANH", 2.0**-11)
    assert not sigmoid_table.is_fixed_point("TANH", 2.0**-10)
