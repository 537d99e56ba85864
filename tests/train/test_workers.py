"""Batches made ahead change nothing about a training but the time it takes."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from sr2tflite.commands.train import train
from sr2tflite.data.ahead import Ahead
from sr2tflite.data.cache import open_cache
from sr2tflite.data.images import write_image
from sr2tflite.data.patches import Patches
from sr2tflite.data.taught import TaughtPatches
from sr2tflite.progress import silent
from sr2tflite.train.settings import TrainSettings

TINY = {"name": "anchor_rep", "channels": 4, "depth": 1}
SHORT = {"steps": 40, "batch": 2, "patch": 8, "held_out": 1, "validate_every": 10, "ema": 0.5}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(4):
        low = np.random.default_rng(index).integers(0, 256, (12, 15, 3), dtype=np.uint8)
        write_image(tmp_path / "photos" / f"{index}.png", low.repeat(4, 0).repeat(4, 1))
    return tmp_path / "photos"


class _StoppedError(Exception):
    pass


def _trained(photos: Path, out: Path, workers: int, stop_at: int | None = None) -> bytes:
    def progress(what: str, done: int, _total: int, _detail: str = "") -> None:
        if what == "training" and done == stop_at:
            raise _StoppedError

    settings = TrainSettings(**SHORT, workers=workers)
    return train(TINY, [photos], out, settings, progress=progress if stop_at else silent).path.read_bytes()


def test_the_result_is_the_same_whatever_the_workers(photos: Path, tmp_path: Path) -> None:
    results = {_trained(photos, tmp_path / f"{workers}.safetensors", workers) for workers in (0, 1, 3)}
    assert len(results) == 1


def test_a_training_is_gone_on_with_by_other_workers(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "stopped.safetensors"
    with pytest.raises(_StoppedError):
        _trained(photos, out, 2, stop_at=20)
    assert not any(thread.name.startswith("ahead") for thread in threading.enumerate())
    assert _trained(photos, out, 0) == _trained(photos, tmp_path / "whole.safetensors", 1)


def test_taught_batches_are_made_ahead_like_others(photos: Path) -> None:
    patches = Patches(open_cache([photos], 3), patch=8, batch=3, seed=0)
    taught = TaughtPatches(patches, 4, lambda lr: lr.repeat(3, 1).repeat(3, 2).astype(np.float32), "nearest")
    with Ahead(taught, 10, 2) as ahead:
        for step in range(10):
            one, other = ahead(step), taught(step)
            assert one.step == other.step == step
            assert one.taught is not None
            assert other.taught is not None
            for here, there in ((one.lr, other.lr), (one.hr, other.hr), (one.taught, other.taught)):
                assert torch.equal(here, there)
