"""``sr2tflite train``: a float student on folders of images."""

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sr2tflite import __version__
from sr2tflite.commands.held_out import HeldOut, refuse_patch
from sr2tflite.commands.teaching import Lesson
from sr2tflite.data.ahead import Ahead
from sr2tflite.data.cache import open_cache
from sr2tflite.data.patches import Batch, Patches
from sr2tflite.errors import InputError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.networks import checkpoint
from sr2tflite.networks.header import CHECKPOINTS
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.progress import Progress, silent
from sr2tflite.provenance import TRAINED_ON, listed, seen
from sr2tflite.train.devices import Devices, launch
from sr2tflite.train.loop import Fitted, Training
from sr2tflite.train.settings import TrainSettings
from sr2tflite.train.task import Task, Terms


@dataclass(frozen=True)
class TrainResult:
    """A trained student's checkpoint."""

    path: Path
    fitted: Fitted
    images: int
    """Trained on."""
    skipped: tuple[str, ...]
    """One message for each file that could not be used."""


def _objective(lesson: Lesson, peak: float, channels_last: bool) -> Callable[[nn.Module, Batch], Terms]:
    layout = torch.channels_last if channels_last else torch.contiguous_format

    def objective(module: nn.Module, batch: Batch) -> Terms:
        sr = module((batch.lr * (peak / 255)).contiguous(memory_format=layout)).float()
        return lesson.terms(sr * (255 / peak), batch)

    return objective


@dataclass(frozen=True)
class _Start:
    """Where weights come from: nothing known of fresh ones."""

    origin: str = ""
    seen: frozenset[str] = frozenset()


def _started(module: nn.Module, student: Student, path: Path | None) -> _Start:
    """Fill in the weights of a checkpoint of the same student."""
    if path is None:
        return _Start()
    loaded = checkpoint.load(path)
    if loaded.student != student:
        raise InputError(
            f"holds {loaded.student!r}; expected {student!r}",
            where=str(path),
            hint="start from a checkpoint of the same student and settings",
        )
    module.load_state_dict(loaded.module.state_dict())
    return _Start(sha256(read_bytes(path)), seen(loaded.metadata))


def _refuse_checkpoint(student: str | dict[str, Any]) -> None:
    name = str(student.get("name") if isinstance(student, dict) else student)
    if name.endswith(CHECKPOINTS):
        start = f"sr2tflite train STUDENT --start {shlex.quote(name)} --data DIR -o trained.safetensors"
        raise InputError("is a checkpoint; expected a student's name", where=name, hint=start)


def train(
    student: str | dict[str, Any],
    data: Sequence[Path],
    out: Path,
    settings: TrainSettings,
    *,
    devices: Devices | None = None,
    progress: Progress = silent,
) -> TrainResult:
    """Train a student and write its checkpoint; the state of the run lives in ``OUT.train/``.

    The same command goes on where a stopped one was.

    Args:
        student: Name, or name and settings.
        data: Folders of images, HR or HR and LR; see :mod:`sr2tflite.data.pairs`.
        out: The checkpoint, ``.safetensors``.
        settings: How.
        devices: That share each batch; see :func:`sr2tflite.train.devices.launch`.
        progress: Told how it goes.

    Raises:
        RecipeError: The student or its settings are unknown, or the devices cannot share the work.
        InputError: The data, the teacher or the start cannot be used, or the run's folder holds another training.
        DivergedError: The loss is not finite.
    """
    _refuse_checkpoint(student)
    torch.manual_seed(settings.seed)
    name, spec = STUDENTS.parse(student)
    team = launch(settings, devices)
    progress = team.told(progress)
    cache = team.in_turn(lambda: open_cache(list(data), spec.scale, progress))
    images, held_out = cache.split(settings.held_out)
    module = spec.build()
    started_from = _started(module, spec, settings.start)
    refuse_patch(settings.patch, spec.multiple)
    patches = Patches(images, patch=settings.patch, batch=settings.batch, seed=settings.seed, progress=progress)
    lesson = team.in_turn(lambda: Lesson(patches, settings, None, progress))
    batches = Ahead(lesson.batches, settings.steps, settings.workers)
    judge = HeldOut(held_out, spec.peak, settings.protocol, spec.multiple)
    task = Task(
        module,
        [{"params": list(module.parameters())}],
        batches,
        _objective(lesson, spec.peak, settings.channels_last),
        judge.psnr,
        origin=sha256(f"{name} {spec!r} {images.path.name}{lesson.origin}{started_from.origin}".encode()),
        sample=judge.sample,
    )
    with batches:
        fitted = Training(task, settings, out.with_suffix(".train"), team).run(progress)
    facts = {
        "version": __version__,
        "train": settings.model_dump(mode="json"),
        "best_step": fitted.best_step,
        "held_out_psnr": round(fitted.best_psnr, 4) if math.isfinite(fitted.best_psnr) else None,
        TRAINED_ON: listed([*started_from.seen, *(entry.sha256 for entry in (*images.entries, *held_out.entries))]),
    }
    team.by_first(lambda: checkpoint.store(out, name, spec, module.state_dict(), facts))
    return TrainResult(out, fitted, len(images), images.skipped)
