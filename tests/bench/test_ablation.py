"""The ablation's table, in miniature: every cell is made once, and again only when something changed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sr2tflite.commands.fuse import fuse
from sr2tflite.data.images import write_image
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "ablation.py"
TINY = ("steps=2", "batch=1", "patch=8", "held_out=1", "validate_every=1", "ptq.method=minmax", "learning_rate=0.01")


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    student = STUDENTS["plain"](channels=4, depth=1)
    checkpoint.store(tmp_path / "plain.safetensors", "plain", student, student.build().state_dict(), {})
    fuse(str(tmp_path / "plain.safetensors"), tmp_path / "deploy.onnx")
    for number in range(3):
        coarse = np.random.default_rng(number).integers(0, 256, (12, 15, 3), np.uint8)
        name = "judged" if number == 2 else "photos"
        write_image(tmp_path / name / f"{number}.png", coarse.repeat(4, 0).repeat(4, 1))
    folders = ["--data", tmp_path / "photos", "--eval", tmp_path / "judged", "-o", tmp_path / "study"]
    settings = [word for setting in TINY for word in ("--set", setting)]
    return [str(word) for word in (sys.executable, BENCHMARK, tmp_path / "deploy.onnx", *folders, *settings)]


def _table(words: list[str], *more: str) -> list[list[str]]:
    only = ["--only", "not trained", "--only", "without teacher"]
    done = subprocess.run([*words, *more, *only], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


@pytest.mark.slow
def test_the_table_has_a_row_a_variant_and_stands_the_second_time(words: list[str], tmp_path: Path) -> None:
    first = _table(words, "--seeds", "0", "1")
    assert [row[0] for row in first] == ["as it comes", "not trained", "without teacher"]
    for _, mean, spread, each, _, _ in first:
        drops = [float(drop) for drop in each.split()]
        assert float(mean) == pytest.approx(sum(drops) / len(drops), abs=1e-4)
        assert float(spread) == pytest.approx(max(drops) - min(drops), abs=2e-4)
    assert [len(row[3].split()) for row in first] == [2, 1, 2]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "study").glob("*/int8.tflite")}
    assert len(made) == 5
    assert _table(words, "--seeds", "0", "1") == first
    assert {path: path.stat().st_mtime_ns for path in made} == made
    changed = _table(words, "--seeds", "0", "--set", "learning_rate=0.02")
    assert [len(row[3].split()) for row in changed] == [1, 1, 1]
