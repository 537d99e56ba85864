"""Figures are read without counting digits: no exponents, three digits at least, no interval of one round."""

import pytest

from sr2tflite.bench.figures import figure, interval
from sr2tflite.bench.judged import Ratio
from sr2tflite.run.report.told.latency import BenchRatio


@pytest.mark.parametrize(
    ("value", "told"), [(0.004171, "0.00417"), (7.812, "7.81"), (99.94, "99.9"), (1866.62, "1866.6")]
)
def test_a_figure_has_three_digits_and_no_exponent(value: float, told: str) -> None:
    assert figure(value) == told


def test_a_ratio_is_told_alike_everywhere() -> None:
    told = {"model": "a", "reference": "b", "ratio": 0.9951, "low": 0.9, "high": 0.016, "confidence": 1 - 2**-11}
    sentence = "a takes 0.995 times as long as b (99.95 % interval 0.900 to 0.0160)"
    assert str(Ratio(**told)) == str(BenchRatio(**told)) == sentence  # type: ignore[arg-type]


def test_one_round_has_no_interval() -> None:
    assert interval(0.5, 0.5, 0.0) == "one round, no interval"
