"""A training killed with ``kill -9`` at random moments ends in the bytes of one that was not: the real command line."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sr2tflite.data.images import write_image
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.train.state import load_state

PROGRAM = (sys.executable, "-c", "from sr2tflite.cli import main; main()")
LONGEST_S = 300
"""That a test waits for a sign of life."""

STEPS = 1200
SETTINGS = (f"steps={STEPS}", "batch=1", "patch=8", "held_out=1", "validate_every=90", "save_every_s=0.05")
TOLD = [word for one in SETTINGS for word in ("--set", one)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(3):
        low = np.random.default_rng(index).integers(0, 256, (8, 10, 3), dtype=np.uint8)
        write_image(tmp_path / "photos" / f"{index}.png", low.repeat(6, 0).repeat(6, 1))
    return tmp_path / "photos"


def command(verb: str, folder: Path, photos: Path, out: Path) -> list[str]:
    if verb == "train":
        words = ["train", "plain", "--student-set", "channels=4", "--student-set", "depth=1"]
    else:
        words = ["qat", str(deploy_graph(folder))]
    return [*PROGRAM, *words, "--data", str(photos), "-o", str(out), *TOLD]


def deploy_graph(folder: Path) -> Path:
    path = folder / "deploy.onnx"
    if not path.exists():
        torch.manual_seed(0)
        name, settings = STUDENTS.parse({"name": "anchor_rep", "channels": 4, "depth": 1})
        checkpoint.store(folder / "tiny.safetensors", name, settings, settings.build().state_dict(), {})
        subprocess.run([*PROGRAM, "fuse", folder / "tiny.safetensors", "-o", path], check=True, capture_output=True)
    return path


def rows(out: Path) -> list[dict[str, Any]]:
    """The whole lines of the log, without the time of day."""
    lines = (out.with_suffix(".train") / "log.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "time"} for line in lines]


def reached(out: Path) -> int:
    """The last step the log of a running training tells of."""
    log = out.with_suffix(".train") / "log.jsonl"
    whole = log.read_text().rpartition("\n")[0] if log.exists() else ""
    return int(json.loads(whole.splitlines()[-1])["step"]) if whole else 0


def files(out: Path) -> set[str]:
    """What a training leaves."""
    folder = out.with_suffix(".train")
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def kill_after(words: list[str], out: Path, step: int, rest_s: float) -> None:
    """Start the training and kill it a moment after a step."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    began = time.monotonic()
    while reached(out) < step:
        assert time.monotonic() - began < LONGEST_S
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.002)
    time.sleep(rest_s)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    running.communicate()


@pytest.mark.parametrize(
    ("verb", "kills"),
    [("train", 2), *(pytest.param(verb, 10, marks=pytest.mark.slow) for verb in ("train", "qat"))],
)
def test_a_training_killed_at_random_moments_ends_in_the_same_bytes(
    verb: str, kills: int, photos: Path, tmp_path: Path
) -> None:
    suffix = ".safetensors" if verb == "train" else ".onnx"
    whole, torn = tmp_path / f"whole{suffix}", tmp_path / f"torn{suffix}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command(verb, tmp_path, photos, whole), env=environment, check=True, capture_output=True)
    draw = random.Random(kills)
    words = command(verb, tmp_path, photos, torn)
    for step in sorted(draw.sample(range(0, STEPS // 2, 20), kills)):
        kill_after(words, torn, step, draw.uniform(0, 0.1))
    subprocess.run(words, env=environment, check=True, capture_output=True)
    assert torn.read_bytes() == whole.read_bytes()
    assert rows(torn) == rows(whole)
    assert [row["step"] for row in rows(torn)] == sorted({*range(20, STEPS + 1, 20), *range(90, STEPS + 1, 90)})
    best, expected = (load_state(path.with_suffix(".train") / "best.pt") for path in (torn, whole))
    assert best.keys() == expected.keys()
    assert all(torch.equal(best[key], expected[key]) for key in best)
    assert files(torn) == files(whole)
