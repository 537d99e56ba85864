import pytest

from sr2tflite.run.gates import Figures, judge
from sr2tflite.run.recipe import Gates

FIGURES = Figures(psnr_drop_db=0.02, ssim_drop=0.0005, latency_ratio=0.5)


def test_no_gate_no_finding() -> None:
    assert judge(Gates(), FIGURES) == []


@pytest.mark.parametrize(("bound", "holds"), [(0.02, True), (0.0199, False)])
def test_a_gate_holds_up_to_its_bound(bound: float, holds: bool) -> None:
    (finding,) = judge(Gates(psnr_drop_db=bound), FIGURES)
    assert (finding.gate, finding.measured, finding.holds) == ("psnr_drop_db", 0.02, holds)


def test_a_gate_on_something_that_was_not_measured_fails() -> None:
    (finding,) = judge(Gates(latency_ratio=9.0), Figures(0, 0, None))
    assert not finding.holds
