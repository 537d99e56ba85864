"""The interpolated table, and the fixed point, against real numbers; the kernels' tests compare bytes with LiteRT."""

from collections.abc import Callable
from math import tanh

import numpy as np
import pytest

from sr2tflite.numerics import fixed_sigmoid, sigmoid_table

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


@pytest.mark.parametrize(
    ("found", "exact"),
    [
        (fixed_sigmoid.logistic(CODES), lambda code: sigmoid(code / 4096)),
        (fixed_sigmoid.tanh(CODES, 0), lambda code: tanh(code / 4096)),
        (fixed_sigmoid.tanh(CODES, 1), lambda code: tanh(code / 2048)),
    ],
    ids=["logistic", "tanh", "tanh, shifted"],
)
def test_fixed_point_is_within_sixteen_steps_of_the_function(
    found: np.ndarray, exact: Callable[[float], float]
) -> None:
    assert np.abs(found - np.array([exact(float(code)) for code in CODES]) * 2**15).max() < 16
