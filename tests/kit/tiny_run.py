"""A run folder made by a whole recipe in miniature: a few seconds."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sr2tflite.commands.report import Making, report
from sr2tflite.commands.run import run
from sr2tflite.data.images import write_image

HOSTILE = "<script>alert(1)<"
"""A file's name, and so an image's."""

RECIPE = """name: tiny
student: {name: plain, channels: 4, depth: 1}
data: {train: [train], evaluate: [judged]}
train: {steps: 2, batch: 1, patch: 16, held_out: 1, validate_every: 1}
ptq: {images: 2}
qat: {steps: 2, batch: 1, patch: 16, held_out: 1, validate_every: 1}
export: {height: 24, width: 30, cross_check: false}
budget: 1
bench: {runs: 2, rounds: 2}
gates: {psnr_drop_db: 50, latency_ratio: 1000}
"""


def make(root: Path) -> Path:
    """The run folder; one of its images has a hostile name."""
    rng = np.random.default_rng(0)
    for folder, names in {"train": ("a", "b"), "judged": ("flower", HOSTILE)}.items():
        for name in names:
            low = rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)
            write_image(root / folder / f"{name}.png", low.repeat(9, 0).repeat(9, 1))
    (root / "tiny.yaml").write_text(RECIPE)
    run(root / "tiny.yaml", root / "run")
    report(root / "run", (), making=Making(verify=True))
    return root / "run"


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with every part; nothing is changed in it."""
    return make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def run_folder(made_run: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(made_run, tmp_path / "run"))


Without = Callable[..., Path]


@pytest.fixture
def without(run_folder: Path) -> Without:
    """The copy without some files."""

    def removed(*names: str) -> Path:
        for name in names:
            (run_folder / name).unlink()
        return run_folder

    return removed
