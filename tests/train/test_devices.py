"""Several processes that train one module: real ones, started by torchrun and by the command line itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit import teamwork

from sr2tflite.commands.run import run as run_recipe
from sr2tflite.data.images import write_image
from sr2tflite.errors import RecipeError
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.train.devices import launch
from sr2tflite.train.settings import LoopSettings

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2")


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left."""
    path = tmp_path_factory.mktemp("two")
    done = subprocess.run([*TORCHRUN, teamwork.__file__, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


def reports(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"process{number}.json").read_text()) for number in range(2)]


@pytest.mark.parametrize("kind", teamwork.TASKS)
def test_two_processes_have_the_loss_curve_of_one(kind: str, folder: Path, tmp_path: Path) -> None:
    teamwork.train(kind, tmp_path)
    alone, together = rows(tmp_path / kind), rows(folder / kind)
    assert [row["step"] for row in together] == [row["step"] for row in alone] == list(range(1, teamwork.STEPS + 1))
    for one, two in zip(alone, together, strict=True):
        for name in ("charbonnier", "dct"):
            # sums in another order: eight units in the last place of float32 (1.5 were found)
            assert two["terms"][name] == pytest.approx(one["terms"][name], rel=8 * 2.0**-23)


@pytest.mark.parametrize("kind", teamwork.TASKS)
def test_every_process_goes_through_the_same_weights(kind: str, folder: Path) -> None:
    first, second = reports(folder)
    assert first[kind] == second[kind]
    assert len(set(first[kind])) == teamwork.STEPS


FAILURES = {
    "full disk": "StorageError: best.pt: cannot write: No space left on device",
    "not finite": "at step 7: the loss is not finite",
    "batch normalization": "RecipeError: batch normalization takes its statistics over the whole batch",
    "damaged": "is damaged",
}


@pytest.mark.parametrize("case", FAILURES)
def test_where_one_process_fails_all_do_for_the_same_reason(case: str, folder: Path) -> None:
    first, second = (report["told"][case] for report in reports(folder))
    assert first == second
    assert FAILURES[case] in first


def test_a_bug_in_the_first_process_is_an_error_in_the_others(folder: Path) -> None:
    first, second = (report["told"]["bug"] for report in reports(folder))
    assert first == "ZeroDivisionError: a bug"
    assert second.startswith("DeviceError: process 0 of 2 stopped with ZeroDivisionError: a bug")


def test_what_must_be_made_once_is_found_by_the_second_process(folder: Path) -> None:
    assert [report["in turn"] for report in reports(folder)] == [["made"], ["found"]]


def test_what_devices_cannot_do_is_refused_before_they_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="batch 16 does not divide by 3 devices") as caught:
        launch(LoopSettings(), 3)
    assert caught.value.hint == "--set batch=18"
    with pytest.raises(RecipeError, match="precision 16-mixed needs a GPU"):
        launch(LoopSettings(precision="16-mixed"))
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RecipeError, match="torchrun started 2 processes on this node; expected 3"):
        launch(LoopSettings(), 3)
    with pytest.raises(RecipeError, match="batch 6 does not divide by 4 devices"):
        launch(LoopSettings(batch=6))


def test_a_recipe_is_not_carried_out_by_several_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RecipeError, match="torchrun started 2 processes; expected one"):
        run_recipe(tmp_path / "any.yaml", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(3):
        low = np.random.default_rng(index).integers(0, 256, (8, 10, 3), dtype=np.uint8)
        write_image(tmp_path / "photos" / f"{index}.png", low.repeat(9, 0).repeat(9, 1))
    return tmp_path / "photos"


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """The command line from a file, as it is installed: Fabric starts the same file once more."""
    program = folder / "program.py"
    program.write_text("from sr2tflite.cli import main; main()")
    command = [sys.executable, program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


FEW = [word for one in ("steps=3", "batch=2", "patch=16", "held_out=1", "validate_every=1") for word in ("--set", one)]


def test_the_command_line_trains_on_two_devices_and_speaks_with_one_voice(photos: Path, tmp_path: Path) -> None:
    small = ("--student-set", "channels=4", "--student-set", "depth=1", "--data", photos, *FEW)
    for name, devices in (("one", "auto"), ("two", "2")):
        done = run(tmp_path, "train", "plain", *small, "--devices", devices, "-o", f"{name}.safetensors")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("held-out training images") == 1
    losses = [[row["loss"] for row in rows(tmp_path / f"{name}.train")] for name in ("one", "two")]
    assert losses[1] == pytest.approx(losses[0], rel=8 * 2.0**-23)
    refused = run(tmp_path, "train", "aio_mai", "--data", photos, *FEW, "--devices", "2", "-o", "bn.safetensors")
    assert refused.returncode == 2
    assert refused.stderr.count("error: batch normalization takes its statistics") == 1
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_quantized_training_on_two_devices_has_the_losses_of_one(photos: Path, tmp_path: Path) -> None:
    name, settings = STUDENTS.parse({"name": "anchor_rep", "channels": 4, "depth": 1})
    checkpoint.store(tmp_path / "tiny.safetensors", name, settings, settings.build().state_dict(), {})
    assert run(tmp_path, "fuse", "tiny.safetensors", "-o", "deploy.onnx").returncode == 0
    for devices in ("1", "2"):
        words = ("qat", "deploy.onnx", "--data", photos, *FEW, "--devices", devices, "-o", f"qat{devices}.onnx")
        done = run(tmp_path, *words)
        assert done.returncode == 0, done.stderr
    losses = [[row["loss"] for row in rows(tmp_path / f"qat{devices}.train")] for devices in (1, 2)]
    assert losses[1] == pytest.approx(losses[0], rel=8 * 2.0**-23)
