"""The verb ``budget``: what it prints, what it writes, and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from kit.graphs import float_sr_graph

from sr2tflite.cli import show_budget, status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.images import write_image
from sr2tflite.graph import onnx
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.ranges import find_ranges
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView

RNG = np.random.default_rng(0)


def photo(block: int) -> np.ndarray:
    return RNG.integers(0, 256, (8, 10, 3), dtype=np.uint8).repeat(block, 0).repeat(block, 1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    source = float_sr_graph()
    plan = plan_quantization(source)
    view = QuantizedView(plan, find_ranges(plan, [photo(3)], PtqSettings(method="minmax")))
    (tmp_path / "deploy.onnx").write_bytes(onnx.write(source))
    (tmp_path / "ptq.onnx").write_bytes(onnx.write(view.freeze()))
    write_image(tmp_path / "hr" / "a.png", photo(9))
    return tmp_path


@pytest.fixture
def end(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run ``sr2tflite budget`` here: its exit status, stdout and stderr."""

    def ended(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        told = ["budget", *words]
        status = status_of(lambda: group.main(told, standalone_mode=False), as_json="--json" in told)
        return (status, *capfd.readouterr())

    return ended


ALL = ("ptq.onnx", "--float", "deploy.onnx", "--data", "hr")


def test_the_table_the_picture_and_the_gate(end, folder):
    status, out, _ = end(*ALL, "--plot", "budget.png", "--max-drop", "50dB")
    assert status == 0
    for word in ("trunk (body.1 + stem)", "body.0.weight", "INT8 against float", "max drop 50 dB: holds"):
        assert word in out
    assert cv2.imread(str(folder / "budget.png")).shape[0] > 100


def test_a_drop_beyond_the_bound_ends_with_4(end):
    status, out, _ = end(*ALL, "--max-drop", "0")
    drop = float(out.split(" dB below")[0].split()[-1])
    assert (status, "FAILS" in out) == ((4, True) if drop > 0 else (0, False))


def test_the_bound_is_compared_with_the_drop(end):
    _, out, _ = end(*ALL, "--json")
    found = json.loads(out)
    assert found["drop"] == pytest.approx(found["float"]["against_hr"] - found["int8"]["against_hr"])
    assert end(*ALL, "--max-drop", str(max(found["drop"], 0) + 0.001))[0] == 0
    below = found["drop"] - 0.001
    if below >= 0:
        assert end(*ALL, "--max-drop", f"{below} dB")[0] == 4


USAGE = {
    "no images": (("ptq.onnx", "--float", "deploy.onnx"), "give --data or --lr"),
    "a bound without originals": (
        ("ptq.onnx", "--float", "deploy.onnx", "--lr", "hr", "--max-drop", "0.02dB"),
        "--max-drop needs high-resolution images",
    ),
    "a bound that is none": ((*ALL, "--max-drop", "little"), "no number of decibels"),
    "a negative bound": ((*ALL, "--max-drop", "-1"), "no number of decibels"),
    "a result without trying": ((*ALL, "-o", "better.onnx"), "go with --try"),
    "trying without images": ((*ALL, "--try"), "say --calibrate DIR"),
    "no float graph": (("ptq.onnx", "--data", "hr"), "--float"),
    "no such model": (("none.onnx", *ALL[1:]), "none.onnx"),
    "no such folder": ((*ALL[:4], "nowhere"), "no such folder"),
    "a picture of no picture's name": ((*ALL, "--plot", "ptq.onnx"), "ptq.onnx does not end in .png"),
    "a wrong protocol": ((*ALL, "--protocol", "psnr"), "unknown protocol"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_words_end_with_2_and_say_what_to_do(end, case):
    words, message = USAGE[case]
    status, _, err = end(*words)
    assert (status, message in err) == (2, True), err


def test_an_error_is_json_where_json_was_asked_for(end):
    status, out, _ = end("ptq.onnx", "--float", "ptq.onnx", "--data", "hr", "--json")
    assert status == 2
    assert json.loads(out)["error"] == "InputError"


BARS = {0.0: "", -1.0: "", 1.0: "█" * 16, 2.0: "█" * 16, 0.5: "█" * 8, 1 / 128: "▏", 9 / 128: "█▏"}


@pytest.mark.parametrize("share", BARS)
def test_a_bar_is_as_long_as_its_share(share):
    assert show_budget.bar(share) == BARS[share].ljust(16)


def test_a_rounded_zero_has_no_sign():
    texts = [show_budget.decibels(value) for value in (0.0001, -0.0001, 0.0126, -2.0, float("inf"), None)]
    assert texts == ["0.000", "0.000", "+0.013", "-2.000", "∞", ""]
