"""Patches that come with a teacher's output: a fixed choice of crops, worked out once and kept on disk."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr2tflite.data.images import Image
from sr2tflite.data.patches import Batch, Patches, augmented, stacked
from sr2tflite.files import alone, append_bytes, cache_folder, make_folder, sha256
from sr2tflite.progress import Progress, remark, silent

Enlarge = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Images 1·H·W·3 → 1·sH·sW·3 in 0…255."""

WORK = "asking the teacher"


class TaughtPatches:
    """Batches from a fixed choice of crops, flipped and turned, with what the teacher makes of each.

    The teacher sees a crop as it lies in the image; its output is turned with it. It is kept as uint8, rounded, under
    ``teachers/`` in the cache folder, named by the hash of teacher and crops; work that was stopped is gone on with.

    Args:
        patches: Where crops are drawn from.
        crops: How many.
        enlarge: The teacher.
        teacher: Names it: another name, another file.
        progress: Told how much is done, and how long the rest takes.

    Raises:
        StorageError: The disk is full; what is done is kept.
    """

    def __init__(
        self, patches: Patches, crops: int, enlarge: Enlarge, teacher: str, progress: Progress = silent
    ) -> None:
        self._patches = patches
        pairs = [patches.crop(place) for place in patches.places(crops)]
        self._lrs, self._hrs = [lr for lr, _ in pairs], [hr for _, hr in pairs]
        self._taught = _outputs(self._lrs, self._hrs[0].shape, enlarge, teacher, progress)

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        rng = np.random.default_rng([self._patches.seed, step])
        chosen = [int(index) for index in rng.integers(len(self._lrs), size=self._patches.batch)]
        turns = [int(turn) for turn in rng.integers(8, size=len(chosen))]
        parts = (self._lrs, self._hrs, self._taught)
        lr, hr, taught = (
            stacked([augmented(part[index], turn) for index, turn in zip(chosen, turns, strict=True)]) for part in parts
        )
        return Batch(lr, hr, step, taught)


def _outputs(
    lrs: list[Image], shape: tuple[int, ...], enlarge: Enlarge, teacher: str, progress: Progress
) -> NDArray[np.uint8]:
    """The teacher's output for every crop, memory-mapped, crops × ``shape``."""
    folder = cache_folder() / "teachers"
    make_folder(folder)
    key = sha256(teacher.encode() + b"".join(lr.tobytes() for lr in lrs))[:24]
    path, size = folder / f"{key}.u8", int(np.prod(shape))
    if not path.exists():
        unfinished = folder / f"{key}.part"
        append_bytes(unfinished, b"")
        with alone(unfinished, lambda: remark(progress, "waiting", "another process asks the teacher the same")):
            if path.exists():
                unfinished.unlink(missing_ok=True)
            else:
                _ask(unfinished, size, lrs, enlarge, progress)
                unfinished.replace(path)
    return np.memmap(path, np.uint8, "r", shape=(len(lrs), *shape))


def _ask(unfinished: Path, size: int, lrs: list[Image], enlarge: Enlarge, progress: Progress) -> None:
    """Append the teacher's output for the crops that are not there yet, ``size`` bytes each."""
    done = unfinished.stat().st_size // size
    with unfinished.open("r+b") as file:
        file.truncate(done * size)  # what a kill left of a crop
    for number in range(done, len(lrs)):
        progress(WORK, number, len(lrs), f"{len(lrs) * size / 1e6:.0f} MB in {unfinished.parent}")
        output = np.clip(np.rint(enlarge(lrs[number][None])[0]), 0, 255).astype(np.uint8)
        append_bytes(unfinished, output.tobytes())
    progress(WORK, len(lrs), len(lrs))
