"""What a training tells of itself."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from sr2tflite.data.images import read_image
from sr2tflite.errors import MissingError
from sr2tflite.train.journal import SAMPLES, Journal, Row

HAS_TENSORBOARD = importlib.util.find_spec("tensorboard") is not None


def row(step: int, loss: float = 0.5) -> Row:
    return Row(step, loss, {"l1": loss}, 1e-3, 30.0 if step % 40 == 0 else None)


def told(folder: Path) -> list[tuple[int, float]]:
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(one["step"], one["loss"]) for one in found]


def test_what_a_kill_took_back_is_forgotten_and_told_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0, tensorboard=False)
    for step in (20, 40, 60):
        journal.write(row(step, loss=1.0))
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 80, "lo')
    again = Journal(tmp_path, 40, tensorboard=False)
    again.write(row(60, loss=2.0))
    assert told(tmp_path) == [(20, 1.0), (40, 1.0), (60, 2.0)]


def test_a_training_that_starts_anew_has_no_log_of_the_old_one(tmp_path: Path) -> None:
    Journal(tmp_path, 0, tensorboard=False).write(row(20))
    Journal(tmp_path, 0, tensorboard=False)
    assert told(tmp_path) == []


def test_the_newest_samples_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0, tensorboard=False)
    image = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    for step in range(0, 100 * (SAMPLES + 3), 100):
        journal.sample(step, image)
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == [f"{100 * number:08d}.png" for number in range(3, SAMPLES + 3)]
    assert np.array_equal(read_image(tmp_path / "samples" / names[0]), image)


@pytest.mark.skipif(HAS_TENSORBOARD, reason="TensorBoard is installed")
def test_tensorboard_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="TensorBoard is not installed") as caught:
        Journal(tmp_path, 0, tensorboard=True)
    assert "pip install 'sr2tflite[tensorboard]'" in (caught.value.hint or "")


@pytest.mark.skipif(not HAS_TENSORBOARD, reason="TensorBoard is not installed: the extra tensorboard brings it")
def test_tensorboard_reads_losses_rate_psnr_and_samples(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    journal = Journal(tmp_path, 0, tensorboard=True)
    for step in (20, 40, 60):
        journal.write(row(step))
    journal.sample(40, np.zeros((4, 6, 3), np.uint8))
    journal.close()
    resumed = Journal(tmp_path, 40, tensorboard=True)
    resumed.write(row(60, loss=0.25))
    resumed.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {
        name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]
    } == {
        "loss": [(20, 0.5), (40, 0.5), (60, 0.25)],
        "loss/l1": [(20, 0.5), (40, 0.5), (60, 0.25)],
        "learning rate": [(step, pytest.approx(1e-3)) for step in (20, 40, 60)],
        "held-out PSNR, dB": [(40, 30.0)],
    }
    assert [(image.step, image.width, image.height) for image in events.Images("held-out: bicubic, SR, HR")] == [
        (40, 6, 4)
    ]
