"""Islands from the command line: chosen, told, verified, judged, tiled; refused by what knows 8 bits alone."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kit.graphs import float_sr_graph

from sr2tflite.cli import show, status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.images import read_image, write_image
from sr2tflite.graph import onnx
from sr2tflite.quant.islands import Island

End = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and the files of a network with islands."""
    folder = tmp_path_factory.mktemp("islands")
    rng = np.random.default_rng(0)
    for kind in ("seen", "new"):
        for name in ("a", "b"):
            low = rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)
            write_image(folder / kind / f"{name}.png", low.repeat(6, 0).repeat(6, 1))
    (folder / "deploy.onnx").write_bytes(onnx.write(float_sr_graph(depth=3)))
    (folder / "photo.png").write_bytes((folder / "new" / "a.png").read_bytes())
    return folder


@pytest.fixture
def end(made: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> End:
    """Run a command line in that folder: its exit status and what it wrote."""
    monkeypatch.chdir(made)

    def ended(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = status_of(lambda: group.main(list(words), standalone_mode=False), as_json="--json" in words)
        return status, *capfd.readouterr()

    if not Path("island.onnx").exists():
        told = ("--set", "islands.gain_db=0.1", "--set", "islands.most=2")
        status, out, _ = ended("ptq", "deploy.onnx", "--calibrate", "seen", *told, "-o", "island.onnx")
        assert (status, "int16: 2 activations, together +" in out) == (0, True)
        assert ended("export", "island.onnx", "--int8", "--free-shape", "-o", "free.tflite")[0] == 0
        assert ended("export", "island.onnx", "--int8", "--height", "16", "--width", "20", "-o", "fixed.tflite")[0] == 0
    return ended


def test_every_activation_is_told_with_its_gain_and_why(end: End) -> None:
    told = ("--set", "islands.gain_db=0.1", "--set", "islands.most=2", "--json")
    status, out, _ = end("ptq", "deploy.onnx", "--calibrate", "seen", *told, "-o", "again.onnx")
    found = json.loads(out)
    assert status == 0
    assert Path("again.onnx").read_bytes() == Path("island.onnx").read_bytes()
    by_name = {layer["tensor"]: layer for layer in found["islands"]}
    assert [name for name, layer in by_name.items() if layer["is_int16"]] == ["trunk", "stem"]
    assert by_name["tail"]["why"] == "is read by DEPTH_TO_SPACE alone; expected a convolution or a sum"
    assert found["islands_gain_db"] > by_name["trunk"]["gain_db"] > by_name["stem"]["gain_db"] > 0.1


def test_without_islands_nothing_is_told_of_them(end: End) -> None:
    _, out, _ = end("ptq", "deploy.onnx", "--calibrate", "seen", "--json", "-o", "plain.onnx")
    assert (json.loads(out)["islands"], json.loads(out)["islands_gain_db"]) == ([], None)
    assert "int16" not in end("ptq", "deploy.onnx", "--calibrate", "seen", "-o", "plain.onnx")[1]


def test_the_table_has_a_row_each(capsys: pytest.CaptureFixture[str]) -> None:
    layers = (Island("stem", 2.785, is_int16=True), Island("tail", None, is_int16=False, why="is read by nobody"))
    show.islands(layers, 2.785)
    head, first, second, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["activation", "gain,", "dB", "type", "why"]
    assert first.split() == ["stem", "+2.79", "int16"]
    assert second.split() == ["tail", "int8", "is", "read", "by", "nobody"]
    assert last == "int16: 1 activation, together +2.79 dB nearer to float"


def test_the_file_is_what_was_measured_and_stands_nearer_to_float(end: End) -> None:
    assert end("verify", "free.tflite", "--against", "island.onnx", "--limit", "1")[0] == 0
    status, out, _ = end("diff", "island.onnx", "fixed.tflite")
    assert (status, "A and B are equal" in out) == (0, True)
    assert "int16/int8 activations" in end("inspect", "free.tflite")[1]
    status, out, _ = end("check", "free.tflite", "--profile", "nnapi")
    assert (status, "runs on the CPU; expected at most version 3" in out) == (4, True)
    end("ptq", "deploy.onnx", "--calibrate", "seen", "-o", "plain.onnx")
    models = ("deploy.onnx", "plain.onnx", "island.onnx", "free.tflite", "fixed.tflite")
    status, out, _ = end("eval", *models, "--data", "new", "--json")
    assert status == 0
    plain, island, free, fixed = (one["psnr"] for one in json.loads(out)["differences"])
    assert island > plain
    assert free == fixed > plain


def test_tiles_of_a_fixed_file_are_the_whole_image(end: End) -> None:
    for model in ("free", "fixed"):
        assert end("upscale", "photo.png", f"{model}.png", "--model", f"{model}.tflite")[0] == 0
    assert read_image(Path("free.png")).shape[:2] == (288, 360)
    assert (read_image(Path("free.png")) == read_image(Path("fixed.png"))).all()


REFUSED = {
    "uint8": (("export", "island.onnx", "--uint8", "--free-shape", "-o", "x.tflite"), 6, "is int16"),
    "budget": (("budget", "island.onnx", "--float", "deploy.onnx", "--data", "new"), 6, "is int16"),
    "quantized again": (("qat", "island.onnx", "--data", "seen", "-o", "x.onnx"), 2, "quantized already"),
    "in training": (
        ("qat", "deploy.onnx", "--data", "seen", "--set", "ptq.islands.most=1", "-o", "x.onnx"),
        2,
        "ptq.islands: quantized training computes with 8 bits",
    ),
    "beside branches": (
        ("ptq", "deploy.onnx", "--calibrate", "seen", "--set", "islands.most=1", "--set", "branches.most=1", "-o", "x"),
        2,
        "islands and branches",
    ),
    "unknown": (("ptq", "deploy.onnx", "--calibrate", "seen", "--set", "islands.least=1", "-o", "x.onnx"), 2, "least"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_by_name(end: End, case: str) -> None:
    words, status, reason = REFUSED[case]
    words = (*words[:-1], "x.onnx") if words[-1] == "x" else words
    found, out, err = end(*words)
    assert found == status
    assert reason in out + err
    assert not Path(words[-1]).exists() or words[-1] == "new"
