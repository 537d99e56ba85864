import math

import pytest

from sr2tflite.run.report import numbers
from sr2tflite.run.report.charts import _step


@pytest.mark.parametrize(
    ("said", "expected"),
    {
        numbers.decimals(-1.23456): "−1.235",
        numbers.decimals(None): "∞",
        numbers.decimals(math.nan): "∞",
        numbers.signed(0.00001, 3): "0.000",
        numbers.signed(-0.5): "−0.500",
        numbers.signed(None): "–",
        numbers.size(1023): "1023 bytes",
        numbers.size(1024): "1.0 KiB",
        numbers.size(84 * 2**20): "84.0 MiB",
        numbers.size(None): "–",
        numbers.milliseconds(1606.7): "1,607 ms",
        numbers.milliseconds(41.84): "41.8 ms",
        numbers.milliseconds(0.41): "0.410 ms",
        numbers.scientific(1.53e-11): "1.5·10⁻¹¹",
        numbers.scientific(0.0): "0",
        numbers.many(1200): "1,200",
        numbers.many(75_910_000_000): "75.91 G",
        numbers.percent(0.12345): "12.35 %",
    }.items(),
)
def test_a_figure_is_written_as_people_read_it(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize(("rough", "step"), [(0.3, 0.5), (1, 1), (1.1, 2), (40, 50), (51, 100), (430, 500), (0, 1e-6)])
def test_an_axis_has_round_steps(rough: float, step: float) -> None:
    assert _step(rough) == pytest.approx(step, rel=1e-9, abs=1e-6)
