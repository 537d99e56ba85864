"""``sr2tflite verify`` as a newcomer meets it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.images import write_image
from sr2tflite.graph import onnx, tflite

End = Callable[..., tuple[int, str, str]]


@pytest.fixture
def end(capfd: pytest.CaptureFixture[str]) -> End:
    """Run a command line here: its exit status and what it wrote."""

    def ended(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = status_of(lambda: group.main(list(words), standalone_mode=False), as_json="--json" in words)
        return status, *capfd.readouterr()

    return ended


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An honest file, what it was made from, and one with a weight changed."""
    monkeypatch.chdir(tmp_path)
    graph = quantized_sr_graph()
    Path("qat.onnx").write_bytes(onnx.write(graph))
    Path("deploy.onnx").write_bytes(onnx.write(float_sr_graph()))
    Path("model.tflite").write_bytes(tflite.write(graph))
    Path("float.tflite").write_bytes(tflite.write(float_sr_graph()))
    weight = graph.tensors["body.1.weight"].data.copy()
    weight[2, 1, 1, 3] = -weight[2, 1, 1, 3] or 9
    graph.update("body.1.weight", data=weight)
    Path("changed.tflite").write_bytes(tflite.write(graph))


def test_an_honest_file_ends_with_0_a_verdict_and_the_next_command(end: End) -> None:
    status, out, _ = end("verify", "model.tflite", "--against", "qat.onnx", "--min-runtime", "2.14")
    assert status == 0
    assert out.splitlines()[-2:] == [
        "model.tflite is what qat.onnx says: 16 rules hold, 0 left out",
        "next: sr2tflite bench model.tflite",
    ]
    assert "✗" not in out


def test_a_changed_file_ends_with_5_and_names_tensor_op_and_map(end: End) -> None:
    status, out, _ = end("verify", "changed.tflite", "--against", "qat.onnx", "--maps", "maps")
    assert status == 5
    assert "✗ weights are those of the other file" in out
    assert "error: same_weights: op 2 CONV_2D body.1.weight: 1 of 576 values differ, first at [2, 1, 1, 3]" in out
    assert "make it again" not in out  # the last line says it
    assert "map: maps/same_bytes-body.1.png" in out
    assert Path("maps/same_bytes-body.1.png").is_file()
    assert "changed.tflite is NOT what qat.onnx says" in out
    assert out.splitlines()[-1] == "next: sr2tflite export qat.onnx --int8 --free-shape -o changed.tflite"


def test_json_says_the_same_with_the_same_status(end: End) -> None:
    status, out, _ = end("verify", "changed.tflite", "--against", "qat.onnx", "--json")
    data = json.loads(out)
    assert (status, data["passed"], data["schema"]) == (5, False, "sr2tflite.check/1")
    status, out, _ = end("verify", "model.tflite", "--json")
    assert (status, json.loads(out)["passed"]) == (0, True)


def test_a_runtime_that_is_too_old_fails(end: End) -> None:
    status, out, _ = end("verify", "model.tflite", "--min-runtime", "1.15")
    assert status == 5
    assert "op 5 DEPTH_TO_SPACE output: version 1, which TensorFlow Lite knows since 2.1" in out
    assert "is not sound" in out


def test_images_are_run_as_they_are(end: End) -> None:
    for index in range(3):
        write_image(Path("photos") / f"{index}.png", np.full((20, 31, 3), 90 * index, np.uint8))
    status, out, _ = end("verify", "model.tflite", "--data", "photos", "--limit", "2")
    assert status == 0
    assert "run on the first 2 of 3 images" in out
    assert f"xnnpack: 0 of {2 * 60 * 93 * 3:,} values differ" in out


REFUSED = {
    "a missing file": (("verify", "no.tflite"), 2, "No such file"),
    "an ONNX": (("verify", "qat.onnx"), 2, "expected .tflite"),
    "a float file": (("verify", "float.tflite"), 2, "it is a float file"),
    "a float model to compare with": (("verify", "model.tflite", "--against", "deploy.onnx"), 2, "holds no scales"),
    "another kind of file to compare with": (("verify", "model.tflite", "--against", "x.pth"), 2, "is a .pth file"),
    "no folder of images": (("verify", "model.tflite", "--data", "no"), 2, "no such folder"),
    "no release": (("verify", "model.tflite", "--min-runtime", "new"), 2, "expected a release, as 2.14"),
    "a damaged file": (("verify", "cut.tflite"), 2, "cut.tflite"),
    "a place for maps that is a file": (
        ("verify", "changed.tflite", "--against", "qat.onnx", "--maps", "qat.onnx"),
        3,
        "expected a folder",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_verified_is_refused_in_one_message(case: str, end: End) -> None:
    Path("cut.tflite").write_bytes(Path("model.tflite").read_bytes()[:999])
    Path("x.pth").write_bytes(b"x")
    words, expected, message = REFUSED[case]
    status, _, err = end(*words)
    assert (status, message in err) == (expected, True), err


def test_it_starts_without_torch_or_tensorflow() -> None:
    code = (
        "import sys, sr2tflite.commands.verify\n"
        "from sr2tflite.check.profile import load_profile\n"
        "load_profile('integrity')\n"
        "assert not {'torch', 'tensorflow', 'lightning_fabric'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
