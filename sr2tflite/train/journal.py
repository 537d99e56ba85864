"""What a training tells of itself: ``log.jsonl``, sample images, and TensorBoard where it is asked for."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.data.images import write_image
from sr2tflite.errors import MissingError
from sr2tflite.files import append_line, remove_torn, write_text

SAMPLES = 16
"""Sample images kept, the newest ones."""


@dataclass(frozen=True)
class Row:
    """One line of the log."""

    step: int
    """Steps done."""
    loss: float
    """Of the last of them, over the global batch."""
    terms: dict[str, float]
    """What each loss adds to it, weighted."""
    learning_rate: float
    """Of the first parameter group."""
    psnr: float | None
    """On the held-out training images, in dB, where there was a validation."""
    notes: dict[str, float] = field(default_factory=dict)
    """What a method says of the last step."""


class Journal:
    """The log of a training in ``folder``; after a kill it goes on without a step told twice.

    Args:
        folder: The training's.
        step: Where the training stands; what the log says of later steps never came to be.
        tensorboard: Also write what TensorBoard reads, under ``tensorboard/``.

    Raises:
        MissingError: TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, step: int, *, tensorboard: bool) -> None:
        self._log, self._samples = folder / "log.jsonl", folder / "samples"
        self._board = _board(folder / "tensorboard", step) if tensorboard else None
        remove_torn(self._samples)
        if self._log.exists():
            _forget_after(self._log, step)

    def write(self, row: Row) -> None:
        """Add a line.

        Raises:
            StorageError: The disk is full.
        """
        append_line(self._log, json.dumps({**asdict(row), "time": time.time()}))
        if self._board is None:
            return
        told = {"loss": row.loss, "learning rate": row.learning_rate, "held-out PSNR, dB": row.psnr}
        told.update({f"loss/{name}": value for name, value in row.terms.items()})
        told.update({f"method/{name}": value for name, value in row.notes.items()})
        for name, value in told.items():
            if value is not None:
                self._board.add_scalar(name, value, row.step)

    def sample(self, step: int, image: NDArray[np.uint8]) -> None:
        """Keep a sample image of a validation, ``samples/STEP.png``; old ones go.

        Raises:
            StorageError: The disk is full.
        """
        write_image(self._samples / f"{step:08d}.png", image)
        for old in sorted(self._samples.glob("[0-9]*.png"))[:-SAMPLES]:
            old.unlink()
        if self._board is not None:
            self._board.add_image("held-out: bicubic, SR, HR", image, step, dataformats="HWC")

    def close(self) -> None:
        """Write what TensorBoard has not yet."""
        if self._board is not None:
            self._board.close()


def _forget_after(log: Path, step: int) -> None:
    """Drop the lines of later steps, and one that a kill tore."""
    kept = []
    for line in log.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            break
        if row["step"] > step:
            break
        kept.append(f"{line}\n")
    write_text(log, "".join(kept))


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        hint = "pip install 'sr2tflite[tensorboard]', or --set tensorboard=false"
        raise MissingError("TensorBoard is not installed", where="tensorboard", hint=hint) from error
    return SummaryWriter(str(folder), purge_step=step + 1)
