from typing import Any

import pytest

from sr2tflite.run.gates import judged
from sr2tflite.run.recipe import Gates


def _stages(*psnrs: float | None) -> dict[str, Any]:
    names = ("bicubic", "deploy.onnx", "model_free.tflite")
    rows: list[dict[str, Any]] = [
        {"artifact": name, "protocol": protocol, "psnr": psnr, "ssim": 0.5}
        for name, psnr in zip(names, psnrs, strict=True)
        for protocol in ("first", "second")
    ]
    rows[-1]["psnr"] = -1000.0  # the second protocol is not what gates look at
    return {"evaluate": {"rows": rows, "image_set": "abc"}}


GATES = Gates(psnr_drop_db=0.5)


@pytest.mark.parametrize(
    ("psnrs", "drop"), [((20.0, 30.0, 29.75), 0.25), ((20.0, 30.0, 29.0), 1.0), ((None, None, None), 0.0)]
)
def test_a_gate_looks_at_the_drop_under_the_first_protocol(psnrs: tuple[float | None, ...], drop: float) -> None:
    (finding,) = judged(GATES, _stages(*psnrs))
    assert (finding.measured, finding.holds) == (drop, drop <= 0.5)


def test_a_perfect_float_and_an_imperfect_file_fail_the_gate() -> None:
    (finding,) = judged(GATES, _stages(None, None, 50.0))
    assert not finding.holds
    assert finding.to_json()["measured"] is None, "JSON has no infinity"


def test_a_run_that_was_not_judged_does_not_hold_its_gates() -> None:
    (finding,) = judged(GATES, {})
    assert (finding.measured, finding.holds) == (None, False)
