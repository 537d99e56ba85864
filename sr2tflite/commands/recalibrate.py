"""``sr2tflite recalibrate``: batch-normalization statistics from fresh batches, before fusing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2tflite.data.cache import open_cache
from sr2tflite.data.patches import Patches
from sr2tflite.files import keep_apart
from sr2tflite.networks import checkpoint
from sr2tflite.progress import Progress, silent
from sr2tflite.provenance import CALIBRATED_ON, listed
from sr2tflite.quant import bn

PATCH, BATCH, SEED = 48, 16, 0


@dataclass(frozen=True)
class RecalibrateResult:
    """A checkpoint with fresh statistics."""

    path: Path
    layers: int
    """Batch-normalization layers found; where there is none, the weights are the same."""


def recalibrate(
    source: str | dict[str, Any],
    data: Sequence[Path],
    out: Path,
    batches: int = bn.BATCHES,
    *,
    student: str | dict[str, Any] | None = None,
    progress: Progress = silent,
) -> RecalibrateResult:
    """Reset every running mean and variance and take them anew from ``batches`` batches of random patches.

    Args:
        source: A student's name, or a checkpoint's path.
        data: Folders of images, HR or HR and LR; see :mod:`sr2tflite.data.pairs`.
        out: The checkpoint to write.
        batches: How many; the seed paper takes 64.
        student: The student that a bare state dict belongs to, where its shapes do not tell.
        progress: Told how it goes.

    Raises:
        InputError: The data cannot be used.

    References:
        arXiv 2604.20291, "deploy-before-QAT", step 1.
    """
    if isinstance(source, str):
        keep_apart(Path(source), out)
    loaded = checkpoint.open_student(source, student)
    found = loaded.student
    images = open_cache(list(data), found.scale, progress)
    patches = Patches(images, patch=PATCH, batch=BATCH, seed=SEED, progress=progress)
    lrs = (patches(step).lr * (found.peak / 255) for step in range(batches))
    layers = bn.recalibrate(loaded.module, lrs, batches)
    before = str(loaded.metadata.get(CALIBRATED_ON, "")).split()
    known = listed([*before, *(entry.sha256 for entry in images.entries)])
    facts = {**loaded.metadata, "recalibrated_batches": batches, CALIBRATED_ON: known}
    checkpoint.store(out, loaded.name, found, loaded.module.state_dict(), facts)
    return RecalibrateResult(out, layers)
