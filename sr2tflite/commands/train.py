"""``sr2tflite train``: a float student on folders of images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sr2tflite import __version__
from sr2tflite.commands.teaching import Lesson
from sr2tflite.data.ahead import Ahead
from sr2tflite.data.cache import ImageCache, open_cache
from sr2tflite.data.patches import Batch, Patches, to_tensor
from sr2tflite.files import sha256
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.progress import Progress, silent
from sr2tflite.provenance import TRAINED_ON, listed
from sr2tflite.train.loop import Fitted, Task, Training
from sr2tflite.train.settings import TrainSettings


@dataclass(frozen=True)
class TrainResult:
    """A trained student's checkpoint."""

    path: Path
    fitted: Fitted
    images: int
    """Trained on."""
    skipped: tuple[str, ...]
    """One message for each file that could not be used."""


def held_out_psnr(module: nn.Module, held_out: ImageCache, peak: float) -> float:
    """Mean RGB PSNR in dB, no shave, outputs rounded to 8 bits, over a cache's images."""
    from sr2tflite.evaluate.metrics import psnr

    total = 0.0
    for index in range(len(held_out)):
        sr = module(to_tensor(held_out.lr(index)) * (peak / 255)) * (255 / peak)
        image = sr[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()
        total += psnr(image, held_out.hr(index))
    return total / len(held_out)


def _objective(lesson: Lesson, peak: float, channels_last: bool) -> Callable[[nn.Module, Batch], torch.Tensor]:
    layout = torch.channels_last if channels_last else torch.contiguous_format

    def objective(module: nn.Module, batch: Batch) -> torch.Tensor:
        sr = module((batch.lr * (peak / 255)).contiguous(memory_format=layout)).float()
        return lesson.loss(sr * (255 / peak), batch)

    return objective


def train(
    student: str | dict[str, Any],
    data: Sequence[Path],
    out: Path,
    settings: TrainSettings,
    *,
    progress: Progress = silent,
) -> TrainResult:
    """Train a student from fresh weights and write its checkpoint; the state of the run lives in ``OUT.train/``.

    The same command goes on where a stopped one was.

    Args:
        student: Name, or name and settings.
        data: Folders of images, HR or HR and LR; see :mod:`sr2tflite.data.pairs`.
        out: The checkpoint, ``.safetensors``.
        settings: How.
        progress: Told how it goes.

    Raises:
        RecipeError: The student or its settings are unknown.
        InputError: The data or the teacher cannot be used, or the run's folder holds another training.
        DivergedError: The loss is not finite.
    """
    torch.manual_seed(settings.seed)
    name, spec = STUDENTS.parse(student)
    images, held_out = open_cache(list(data), spec.scale, progress).split(settings.held_out)
    module = spec.build()
    patches = Patches(images, patch=settings.patch, batch=settings.batch, seed=settings.seed, progress=progress)
    lesson = Lesson(patches, settings, None, progress)
    batches = Ahead(lesson.batches, settings.steps, settings.workers)
    task = Task(
        module,
        [{"params": list(module.parameters())}],
        batches,
        _objective(lesson, spec.peak, settings.channels_last),
        lambda trained: held_out_psnr(trained, held_out, spec.peak),
        origin=sha256(f"{name} {spec!r} {images.path.name}{lesson.origin}".encode()),
    )
    with batches:
        fitted = Training(task, settings, out.with_suffix(".train")).run(progress)
    facts = {
        "version": __version__,
        "train": settings.model_dump(mode="json"),
        "best_step": fitted.best_step,
        "held_out_psnr": round(fitted.best_psnr, 4) if math.isfinite(fitted.best_psnr) else None,
        TRAINED_ON: listed(entry.sha256 for entry in (*images.entries, *held_out.entries)),
    }
    checkpoint.store(out, name, spec, module.state_dict(), facts)
    return TrainResult(out, fitted, len(images), images.skipped)
