"""The command line as a newcomer meets it: real processes, what they print, and how they end."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from kit.graphs import quantized_sr_graph

from sr2tflite.cli.verbs import group
from sr2tflite.data.images import write_image
from sr2tflite.graph import onnx
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.quant.settings import WeightGrid

RNG = np.random.default_rng(0)


def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from sr2tflite.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(3):
        # smooth enough that a network has something to say about it
        low = RNG.integers(0, 256, (8, 10, 3), dtype=np.uint8)
        write_image(tmp_path / "photos" / f"{index}.png", low.repeat(9, 0).repeat(9, 1))
    return tmp_path / "photos"


@pytest.fixture
def student(tmp_path: Path) -> Path:
    name, settings = STUDENTS.parse({"name": "anchor_rep", "channels": 4, "depth": 1})
    checkpoint.store(tmp_path / "tiny.safetensors", name, settings, settings.build().state_dict(), {})
    return tmp_path / "tiny.safetensors"


def test_help_needs_neither_torch_nor_numpy() -> None:
    code = (
        "import sys\n"
        "from sr2tflite.cli import status_of\n"
        "from sr2tflite.cli.verbs import group\n"
        "status_of(lambda: group.main(['--help'], standalone_mode=False))\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'rich', 'onnx'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("verb", ["bench", "run"])
def test_a_verb_that_trains_nothing_starts_without_torch(verb: str) -> None:
    code = f"import sys, sr2tflite.commands.{verb}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_whole_road_by_its_verbs(photos: Path, student: Path, tmp_path: Path) -> None:
    assert run("fuse", student, "-o", "deploy.onnx", cwd=tmp_path).returncode == 0
    assert run("ptq", "deploy.onnx", "--calibrate", photos, "-o", "ptq.onnx", cwd=tmp_path).returncode == 0
    told = ("steps=4", "batch=1", "patch=16", "held_out=1", "validate_every=2")
    few = [word for setting in told for word in ("--set", setting)]
    trained = run("qat", "deploy.onnx", "--data", photos, "-o", "qat.onnx", *few, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "next: sr2tflite export qat.onnx --int8" in trained.stdout
    sized = ("--int8", "--height", "24", "--width", "30", "--no-cross-check")
    exported = run("export", "qat.onnx", *sized, "-o", "m.tflite", cwd=tmp_path)
    assert "scales 6/6 equal, weights equal, biases equal, integer ops 6/6, float ops 0" in exported.stdout
    verified = run("verify", "m.tflite", "--against", "qat.onnx", "--min-runtime", "2.14", cwd=tmp_path)
    assert (verified.returncode, "m.tflite is what qat.onnx says" in verified.stdout) == (0, True), verified.stdout
    other = tmp_path / "other"
    write_image(other / "new.png", RNG.integers(0, 256, (72, 90, 3), dtype=np.uint8))
    judged = run("eval", "deploy.onnx", "m.tflite", "--data", other, "--json", cwd=tmp_path)
    assert judged.returncode == 0, judged.stderr
    assert [one["name"] for one in json.loads(judged.stdout)["artifacts"]] == ["bicubic", "deploy.onnx", "m.tflite"]
    timed = run("bench", "m.tflite", "--runs", "1", "--rounds", "1", "--json", cwd=tmp_path)
    assert json.loads(timed.stdout)["results"][0]["models"][0]["latency_ms"]["median"] > 0
    leaked = run("eval", "m.tflite", "--data", photos, cwd=tmp_path)
    assert leaked.returncode == 2
    assert "was calibrated or trained on" in leaked.stderr


def weight_scales(path: Path) -> set[int]:
    """How many scales the weights of a quantized graph have."""
    graph = onnx.read(path.read_bytes(), path.name)
    return {len(graph.tensors[node.inputs[1]].quant.scale) for node in graph.nodes if node.op.kind == "CONV_2D"}


def test_weights_per_tensor_is_one_word_for_ptq_and_qat(photos: Path, student: Path, tmp_path: Path) -> None:
    run("fuse", student, "-o", "deploy.onnx", cwd=tmp_path)
    made = run("ptq", "deploy.onnx", "--calibrate", photos, "--weights", "per-tensor", "-o", "ptq.onnx", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    few = [word for one in ("steps=1", "batch=1", "patch=16", "held_out=1") for word in ("--set", one)]
    words = ("qat", "deploy.onnx", "--data", photos, "--weights", "per-tensor", *few, "-o", "qat.onnx")
    trained = run(*words, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    told = run(
        "ptq", "deploy.onnx", "--calibrate", photos, "--set", "weights=per-tensor", "-o", "set.onnx", cwd=tmp_path
    )
    assert told.returncode == 0, told.stderr
    assert weight_scales(tmp_path / "ptq.onnx") == weight_scales(tmp_path / "qat.onnx") == {1}
    assert (tmp_path / "set.onnx").read_bytes() == (tmp_path / "ptq.onnx").read_bytes()


def test_the_command_line_knows_the_settings_kinds_of_weights() -> None:
    (option,) = (one for one in group.commands["ptq"].params if one.name == "weights")
    assert tuple(option.type.choices) == get_args(WeightGrid)


def test_a_bare_state_dict_is_fused_with_settings_and_says_how_it_was_understood(tmp_path: Path) -> None:
    spec = {"name": "plain", "channels": 4, "depth": 1, "activation": "relu", "anchor": False}
    weights = STUDENTS.parse(spec)[1].build().state_dict()
    torch.save({f"net.{i}": value for i, value in enumerate(weights.values())}, tmp_path / "foreign.pth")
    told = ("--student", "plain", "--student-set", "anchor=false", "--peak", "255")
    assert run("fuse", "foreign.pth", "-o", "no.onnx", cwd=tmp_path).returncode == 2
    done = run("fuse", "foreign.pth", *told, "-o", "deploy.onnx", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "foreign keys: weights taken in order as plain (scale=3, channels=4, depth=1" in done.stderr
    graph = onnx.read((tmp_path / "deploy.onnx").read_bytes(), "deploy.onnx")
    assert (graph.summary(), graph.value_range) == ("CONV_2D×3 DEPTH_TO_SPACE", (0.0, 255.0))
    assert json.loads(graph.metadata[checkpoint.WEIGHTS_FROM])["body.0.weight"] == "net.0"


def _recipe(folder: Path, student: Path, photos: Path, gates: str) -> Path:
    judged = folder / "judged"
    write_image(judged / "new.png", RNG.integers(0, 256, (72, 90, 3), dtype=np.uint8))
    path = folder / "tiny.yaml"
    path.write_text(
        f"name: tiny\nstudent: {student}\ndata: {{train: [{photos}], evaluate: [{judged}]}}\n"
        "qat: {steps: 2, batch: 1, patch: 16, held_out: 1, validate_every: 1}\n"
        f"export: {{height: 24, width: 30, cross_check: false}}\nbench: {{runs: 1, rounds: 1}}\ngates: {gates}\n"
    )
    return path


def test_a_recipe_runs_ends_by_its_gates_and_stands(photos: Path, student: Path, tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, student, photos, "{psnr_drop_db: 50, latency_ratio: 1000}")
    dry = run("run", recipe, "--dry-run", cwd=tmp_path)
    assert "to do   fuse" in dry.stdout
    assert not (tmp_path / "runs").exists()
    first = run("run", recipe, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "runs" / "tiny"
    report = json.loads((folder / "report.json").read_text())
    assert report["passed"] is True
    assert {"report.md", "crop1.png", "recipe.yaml", "model.tflite"} <= set(os.listdir(folder))
    again = run("run", recipe, cwd=tmp_path)
    assert "stood already: fuse, ptq, qat, export, evaluate, bench" in again.stdout
    charted = run("run", recipe, "--set", "budget=1", cwd=tmp_path)
    assert charted.returncode == 0, charted.stderr
    assert "![every tensor](budget.png)" in (folder / "report.md").read_text()
    assert (folder / "budget.png").read_bytes()[:4] == b"\x89PNG"
    failed = run("run", recipe, "--set", "gates.psnr_drop_db=-99", cwd=tmp_path)
    assert failed.returncode == 4
    assert "gate psnr_drop_db" in failed.stdout


BAD_WORDS = {
    "an unknown verb": (("fly",), 2, "No such command 'fly'"),
    "an unknown student": (("fuse", "abpm", "-o", "x.onnx"), 2, "did you mean 'abpn'?"),
    "a missing checkpoint": (("fuse", "no.safetensors", "-o", "x.onnx"), 2, "no such file"),
    "a missing model": (("ptq", "no.onnx", "--calibrate", ".", "-o", "x.onnx"), 2, "No such file"),
    "a missing folder": (("train", "abpn", "--data", "no", "-o", "x.safetensors"), 2, "no such folder"),
    "a wrong setting": (("train", "abpn", "--data", ".", "-o", "x.safetensors", "--set", "stesp=1"), 2, "'steps'?"),
    "no assignment": (("train", "abpn", "--data", ".", "-o", "x.safetensors", "--set", "steps"), 2, "not KEY=VALUE"),
    "a missing recipe": (("run", "no.yaml"), 2, "No such file"),
    "unknown weights": (("ptq", "d.onnx", "--calibrate", ".", "--weights", "no", "-o", "x.onnx"), 2, "per-tensor"),
    "no size": (("export", "no.onnx", "-o", "x.tflite"), 2, "give --height and --width, or --free-shape"),
    "two kinds of file": (("export", "no.onnx", "--float16", "--int8", "-o", "x.tflite"), 2, "exclude each other"),
    "a kind direct does not make": (
        ("export", "no.onnx", "--float16", "--backend", "direct", "--free-shape", "-o", "x.tflite"),
        2,
        "sr2tflite export --float16 …",
    ),
    "a file for a challenge": (
        ("export", "no.onnx", "--challenge", "mai2026", "-o", "x.tflite"),
        2,
        "expected a folder",
    ),
    "a size for a challenge": (
        ("export", "no.onnx", "--challenge", "mai2026", "--height", "9", "-o", "x"),
        2,
        "--height",
    ),
    "a float challenge": (("export", "no.onnx", "--challenge", "mai2026", "--float32", "-o", "x"), 2, "--float32"),
    "an unknown challenge": (("export", "no.onnx", "--challenge", "mai1", "-o", "x"), 2, "mai2022, mai2026"),
    "an export of no kind of file": (("export", "no.onnx", "--free-shape", "-o", "x"), 2, "no .tflite file"),
    "an unknown protocol": (("eval", "--data", ".", "--protocol", "rbg"), 2, "did you mean 'rgb'?"),
}


@pytest.mark.parametrize("case", BAD_WORDS)
def test_bad_words_end_with_one_message_and_no_traceback(case: str, tmp_path: Path) -> None:
    words, status, message = BAD_WORDS[case]
    ended = run(*words, cwd=tmp_path)
    assert ended.returncode == status, ended.stderr
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert os.listdir(tmp_path) == []


BAD_FILES = {"empty": b"", "text": b"hello", "a PNG": b"\x89PNG\r\n\x1a\n" + b"\0" * 64}


@pytest.mark.parametrize("content", BAD_FILES)
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("bad.safetensors", ("fuse", "bad.safetensors", "-o", "out.onnx")),
        ("bad.pth", ("fuse", "bad.pth", "--student", "abpn", "-o", "out.onnx")),
        ("bad.onnx", ("export", "bad.onnx", "--free-shape", "-o", "out.tflite")),
        ("bad.tflite", ("bench", "bad.tflite", "--runs", "1")),
    ],
)
def test_a_file_that_is_something_else_is_refused(
    content: str, file: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / file).write_bytes(BAD_FILES[content])
    ended = run(*words, cwd=tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert file in ended.stderr
    assert "Traceback" not in ended.stderr
    assert os.listdir(tmp_path) == [file]


def test_a_float_model_is_not_exported_to_int8_and_the_hint_is_the_ptq_line(student: Path, tmp_path: Path) -> None:
    assert run("fuse", student, "-o", "deploy.onnx", cwd=tmp_path).returncode == 0
    ended = run("export", "deploy.onnx", "--int8", "--free-shape", "-o", "m.tflite", cwd=tmp_path)
    assert ended.returncode == 2
    assert "sr2tflite ptq deploy.onnx --calibrate DIR -o ptq.onnx" in ended.stderr
    assert not (tmp_path / "m.tflite").exists()


def test_an_error_is_json_too_where_json_is_asked_for(tmp_path: Path) -> None:
    ended = run("bench", "no.tflite", "--json", cwd=tmp_path)
    assert json.loads(ended.stdout)["error"] == "InputError"


@pytest.fixture
def quantized(tmp_path: Path) -> Path:
    (tmp_path / "ptq.onnx").write_bytes(onnx.write(quantized_sr_graph()))
    return tmp_path / "ptq.onnx"


@pytest.mark.usefixtures("quantized")
def test_a_submission_is_three_files_in_json_too(tmp_path: Path) -> None:
    words = ("export", "ptq.onnx", "--challenge", "mai2022", "--no-cross-check", "-o", "out")
    made = run(*words, "--json", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert [one["path"] for one in json.loads(made.stdout)["files"]] == [
        "out/TFLite/model.tflite",
        "out/TFLite/model_none.tflite",
        "out/TFLite/model_none_float.tflite",
    ]
    assert "model.tflite and model_none.tflite: 0 bytes differ" in run(*words, cwd=tmp_path).stdout
    (tmp_path / "file").write_text("")
    refused = run(*words[:-1], "file/under", cwd=tmp_path)
    assert (refused.returncode, "Traceback" in refused.stderr) == (3, False)


@pytest.mark.tf
@pytest.mark.usefixtures("quantized")
def test_an_export_is_cross_checked_by_default_and_leaves_nothing_behind(tmp_path: Path) -> None:
    made = run("export", "ptq.onnx", "--free-shape", "-o", "m.tflite", cwd=tmp_path)
    assert "cross-checked with onnx2tf: 0 bytes differ" in made.stdout
    # on a slow machine progress is told; what the converters say is not
    assert {line.split()[0] for line in made.stderr.splitlines()} <= {"onnx2tf"}
    assert sorted(os.listdir(tmp_path)) == ["m.tflite", "ptq.onnx"]
