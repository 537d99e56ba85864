"""Training with a teacher: who may be one, what is kept of a slow one, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sr2tflite.commands.fuse import fuse
from sr2tflite.commands.qat import qat
from sr2tflite.commands.teaching import Lesson
from sr2tflite.commands.train import train
from sr2tflite.data.cache import ImageCache, open_cache
from sr2tflite.data.images import Image, write_image
from sr2tflite.data.patches import Patches
from sr2tflite.data.taught import TaughtPatches
from sr2tflite.errors import InputError, RecipeError, StorageError
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.networks.teachers import TEACHERS
from sr2tflite.progress import silent
from sr2tflite.train.settings import QatTrainSettings, TrainSettings

KD = ({"name": "l1", "weight": 0.5}, {"name": "distillation", "weight": 0.5})
QUICK = {"steps": 3, "batch": 2, "patch": 8, "held_out": 1}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for number in range(3):
        write_image(tmp_path / "images" / f"{number}.png", _image(number))
    return tmp_path / "images"


def _image(seed: int) -> Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 15, 3), np.uint8)
    return coarse.repeat(4, 0).repeat(4, 1)


@pytest.fixture
def cache(images: Path) -> ImageCache:
    return open_cache([images], 3)


def _nearest(lr: Image) -> np.ndarray:
    return lr.repeat(3, 1).repeat(3, 2).astype(np.float32)


def test_a_taught_batch_holds_crop_target_and_output_turned_alike(cache: ImageCache) -> None:
    batches = TaughtPatches(Patches(cache, patch=8, batch=5, seed=0), 4, _nearest, "nearest")
    for step in range(3):
        batch = batches(step)
        assert batch.taught is not None
        assert batch.lr.shape == (5, 3, 8, 8)
        assert batch.hr.shape == batch.taught.shape == (5, 3, 24, 24)
        assert torch.equal(batch.taught, batch.lr.repeat_interleave(3, 2).repeat_interleave(3, 3))
        assert torch.equal(batches(step).lr, batch.lr)


def test_the_teacher_is_asked_once_for_each_crop_even_after_a_kill(cache: ImageCache, tmp_path: Path) -> None:
    patches, asked = Patches(cache, patch=8, batch=2, seed=0), []

    def slow(lr: Image) -> np.ndarray:
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(lr)
        return _nearest(lr)

    with pytest.raises(KeyboardInterrupt):
        TaughtPatches(patches, 5, slow, "slow")
    (unfinished,) = (tmp_path / "cache" / "teachers").glob("*.part")
    with unfinished.open("ab") as file:
        file.write(b"torn")
    later: list[Image] = []
    second = TaughtPatches(patches, 5, lambda lr: later.append(lr) or _nearest(lr), "slow")
    assert len(later) == 2
    third = TaughtPatches(patches, 5, lambda _lr: pytest.fail("asked again"), "slow")
    for step in range(4):
        batch = second(step)
        assert batch.taught is not None
        assert torch.equal(batch.taught, third(step).taught)
        assert torch.equal(batch.taught, batch.lr.repeat_interleave(3, 2).repeat_interleave(3, 3))


def test_another_teacher_or_other_crops_have_another_file(cache: ImageCache, tmp_path: Path) -> None:
    for seed, name in ((0, "a"), (0, "b"), (1, "a")):
        TaughtPatches(Patches(cache, patch=8, batch=2, seed=seed), 2, _nearest, name)
    assert len(list((tmp_path / "cache" / "teachers").glob("*.u8"))) == 3


def test_a_full_disk_ends_in_a_named_error_and_keeps_what_is_done(
    cache: ImageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _data: bytes) -> None:
        raise StorageError("cannot write: No space left on device", where=str(path))

    monkeypatch.setattr("sr2tflite.data.taught.append_bytes", full)
    with pytest.raises(StorageError):
        TaughtPatches(Patches(cache, patch=8, batch=2, seed=0), 2, _nearest, "nearest")


def _student(tmp_path: Path, scale: int = 3) -> Path:
    student = STUDENTS["plain"](scale=scale)
    path = tmp_path / f"plain_x{scale}.safetensors"
    checkpoint.store(path, "plain", student, student.build().state_dict(), {})
    return path


def _mamba(tmp_path: Path, scale: int = 3) -> Path:
    settings = {
        "channels": 12,
        "depths": (1,),
        "heads": 2,
        "window": 4,
        "states": 2,
        "rank": 3,
        "tokens": 4,
        "hidden": 8,
    }
    torch.manual_seed(0)
    module = TEACHERS["mambair_v2"].model_validate({**settings, "scale": scale}).build()
    torch.save({"params": module.state_dict()}, tmp_path / f"mamba_x{scale}.pth")
    return tmp_path / f"mamba_x{scale}.pth"


@pytest.mark.parametrize("kind", ["student", "onnx", "teacher"])
def test_a_student_learns_from_any_kind_of_teacher_and_resumes(tmp_path: Path, images: Path, kind: str) -> None:
    teacher = _mamba(tmp_path) if kind == "teacher" else _student(tmp_path)
    if kind == "onnx":
        fuse(str(teacher), tmp_path / "teacher.onnx")
        teacher = tmp_path / "teacher.onnx"
    settings = TrainSettings(**QUICK, losses=KD, teacher=teacher, taught_crops=3)
    out = tmp_path / "taught.safetensors"
    train("plain", [images], out, settings)
    alone = tmp_path / "alone.safetensors"
    train("plain", [images], alone, TrainSettings(**QUICK, losses=KD[:1]))
    loss = [
        json.loads((path.with_suffix(".train") / "log.jsonl").read_text().splitlines()[-1]) for path in (out, alone)
    ]
    assert loss[0]["loss"] != loss[1]["loss"]
    assert train("plain", [images], out, settings).fitted.steps == 3


def test_a_student_as_teacher_and_its_fused_graph_teach_the_same(tmp_path: Path, cache: ImageCache) -> None:
    teacher = _student(tmp_path)
    fuse(str(teacher), tmp_path / "teacher.onnx")
    patches = Patches(cache, patch=8, batch=2, seed=0)
    losses = []
    for path in (teacher, tmp_path / "teacher.onnx"):
        lesson = Lesson(patches, TrainSettings(**QUICK, losses=("residual",), teacher=path), None, silent)
        batch = lesson.batches(0)
        losses.append(float(sum(lesson.terms(batch.hr, batch).values())))
    # fusing is exact up to float32's rounding
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0] > 0


def test_quantized_training_takes_its_own_float_graph_for_teacher_unless_told(tmp_path: Path, images: Path) -> None:
    fuse(str(_student(tmp_path)), tmp_path / "deploy.onnx")
    made = []
    for number, teacher in enumerate((None, tmp_path / "deploy.onnx", _mamba(tmp_path))):
        out = tmp_path / f"qat{number}.onnx"
        settings = QatTrainSettings(**QUICK, validate_every=3, teacher=teacher, taught_crops=2, learning_rate=1e-3)
        qat(tmp_path / "deploy.onnx", [images], out, settings)
        log = out.with_suffix(".train") / "log.jsonl"
        made.append(json.loads(log.read_text().splitlines()[-1])["loss"])
    assert made[0] == pytest.approx(made[1], rel=1e-4)
    assert made[2] != made[0]


def test_teachers_that_cannot_be_used_are_named(tmp_path: Path, images: Path) -> None:
    out = tmp_path / "taught.safetensors"
    for teacher in (_student(tmp_path, scale=2), _mamba(tmp_path, scale=2)):
        with pytest.raises(InputError, match="teacher enlarges ×2; expected ×3"):
            train("plain", [images], out, TrainSettings(**QUICK, losses=KD, teacher=teacher))
    with pytest.raises(RecipeError, match="need a teacher"):
        train("plain", [images], out, TrainSettings(**QUICK, losses=KD))
    with pytest.raises(RecipeError, match="no loss asks the teacher"):
        train("plain", [images], out, TrainSettings(**QUICK, teacher=_student(tmp_path)))
    with pytest.raises(RecipeError, match="unknown loss 'l2'"):
        train("plain", [images], out, TrainSettings(**QUICK, losses=("l2",)))


def test_unfinished_training_is_not_gone_on_with_under_another_teacher(tmp_path: Path, images: Path) -> None:
    out, teacher = tmp_path / "taught.safetensors", _student(tmp_path)
    settings = TrainSettings(**QUICK, losses=KD, teacher=teacher)
    train("plain", [images], out, settings)
    torch.manual_seed(7)
    _student(tmp_path)
    with pytest.raises(InputError, match="other weights or images"):
        train("plain", [images], out, settings)
