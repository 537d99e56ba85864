from typing import Any

import pytest

from sr2tflite.commands.run import judged
from sr2tflite.run.recipe import Recipe
from sr2tflite.run.report import Report


def _report(*psnrs: float | None) -> Report:
    names = ("bicubic", "deploy.onnx", "model_free.tflite")
    rows: list[dict[str, Any]] = [
        {"artifact": name, "protocol": protocol, "psnr": psnr, "ssim": 0.5}
        for name, psnr in zip(names, psnrs, strict=True)
        for protocol in ("first", "second")
    ]
    rows[-1]["psnr"] = -1000.0  # the second protocol is not what gates look at
    return Report("r", {}, {}, {"evaluate": {"rows": rows, "image_set": "abc"}})


RECIPE = Recipe.model_validate(
    {"name": "r", "student": "abpn", "data": {"evaluate": ["x"]}, "gates": {"psnr_drop_db": 0.5}}
)


@pytest.mark.parametrize(
    ("psnrs", "drop"), [((20.0, 30.0, 29.75), 0.25), ((20.0, 30.0, 29.0), 1.0), ((None, None, None), 0.0)]
)
def test_a_gate_looks_at_the_drop_under_the_first_protocol(psnrs: tuple[float | None, ...], drop: float) -> None:
    (finding,) = judged(RECIPE, _report(*psnrs))
    assert (finding.measured, finding.holds) == (drop, drop <= 0.5)


def test_a_perfect_float_and_an_imperfect_file_fail_the_gate() -> None:
    (finding,) = judged(RECIPE, _report(None, None, 50.0))
    assert not finding.holds
    assert finding.to_json()["measured"] is None, "JSON has no infinity"
