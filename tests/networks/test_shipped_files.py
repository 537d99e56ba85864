"""The files that come beside the weights are what their cards say."""

import re
from pathlib import Path

import pytest

from sr2tflite.check.case import Case
from sr2tflite.check.engine import ask
from sr2tflite.check.profile import load_profile
from sr2tflite.commands.eval import evaluate
from sr2tflite.graph import onnx
from sr2tflite.networks import checkpoint

WEIGHTS = checkpoint.shipped("abpn").parent
FILES = sorted(WEIGHTS.glob("*.int8.tflite"))
NAMES = [path.name.partition(".")[0] for path in FILES]


def _figures(name: str, row: str) -> list[float]:
    """Set5's in the card: PSNR, SSIM."""
    card = (WEIGHTS / f"{name}.md").read_text(encoding="utf-8")
    match = re.search(rf"^\| {row} \| ([\d.]+) dB, ([\d.]+) \|", card, re.MULTILINE)
    assert match, f"{name}.md says nothing of {row}"
    return [float(figure) for figure in match.groups()]


def test_there_are_files() -> None:
    assert NAMES == ["abpn", "aio_mai"]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_an_int8_file_is_sound_in_itself(path: Path) -> None:
    report = ask(load_profile("integrity"), Case(path, limit=1))
    assert report.passed, report.verdict()


@pytest.mark.parametrize("name", NAMES)
def test_float_and_int8_are_as_good_as_the_card_says(name: str, shared: Path) -> None:
    pair = [WEIGHTS / f"{name}.deploy.onnx", WEIGHTS / f"{name}.360x640.int8.tflite"]
    assert not onnx.read(pair[0].read_bytes(), pair[0].name).is_quantized
    _, *rows = evaluate(pair, [shared / "eval" / "Set5"]).rows
    for row, label in zip(rows, ("float", "INT8"), strict=True):
        psnr, ssim = _figures(name, label)
        # half of the last digit told, and as much for the float kernels of another CPU
        assert row.mean.psnr == pytest.approx(psnr, abs=1e-3)
        assert row.mean.ssim == pytest.approx(ssim, abs=1e-4)
