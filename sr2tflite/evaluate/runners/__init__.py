"""Runners: every kind of artifact as one function, low-resolution uint8 image in, high-resolution uint8 image out."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.data.borders import extended
from sr2tflite.errors import InputError
from sr2tflite.files import other_kind, read_bytes, sha256
from sr2tflite.graph import Graph
from sr2tflite.provenance import seen

Image = NDArray[np.uint8]
"""Height × width × 3, RGB, 0…255."""

KINDS = {
    ".safetensors": "checkpoint",
    ".pt": "checkpoint",
    ".pth": "checkpoint",
    ".onnx": "onnx",
    ".tflite": "tflite",
}
"""The runner module of each file name suffix."""


@dataclass(frozen=True)
class Network:
    """What a runner module makes of a file."""

    upscale: Callable[[Image], Image]
    scale: int
    metadata: dict[str, Any]
    """What the file says of itself."""

    notes: tuple[str, ...] = ()
    graph: Graph | None = None
    """What it computes, where the input's size is free and the deploy graph can say it."""

    multiple: int = 1
    """What the sides of an image have to be multiples of."""


@dataclass(frozen=True)
class Runner:
    """An artifact that upscales images."""

    path: Path
    kind: str
    """``checkpoint``, ``onnx`` or ``tflite``."""

    sha256: str
    network: Network

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def scale(self) -> int:
        return self.network.scale

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers should know of how the file was run."""
        multiple = self.network.multiple
        if multiple == 1:
            return self.network.notes
        sides = f"sides that are no multiples of {multiple}: the last row and column repeated, the output cropped"
        return (*self.network.notes, sides)

    @property
    def seen(self) -> frozenset[str]:
        """Ids of the image files this artifact was calibrated or trained on, as far as it says."""
        return seen(self.network.metadata)

    def __call__(self, lr: Image) -> Image:
        """The image, ``scale`` times as high and wide, rounded half to even and clipped to 0…255.

        Raises:
            InputError: A value is not finite.
        """
        with _finite(self.path):
            sr = self.network.upscale(extended(lr, self.network.multiple))
        height, width = (size * self.scale for size in lr.shape[:2])
        return sr[:height, :width]


def open_runner(path: Path, *, threads: int = 2) -> Runner:
    """The runner of an artifact, chosen by the file's suffix.

    Raises:
        InputError: The file cannot be read, or is of no known kind.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise other_kind(path, _suffixes(), "name a network's file")
    return runner_of(path, kind, read_bytes(path), threads)


def runner_of(path: Path, kind: str, data: bytes, threads: int) -> Runner:
    """The runner of a file's bytes, wherever they lie.

    Args:
        path: What the file is called.
        kind: One of ``KINDS``; of bytes that lie in no file, ``tflite``.
        data: The file's bytes.
        threads: For the runtime.

    Raises:
        InputError: The bytes are damaged.
    """
    module = importlib.import_module(f"{__name__}.{kind}")
    with _finite(path):  # it is tried out
        network = module.open_network(path, data, threads)
    return Runner(path, kind, sha256(data), network)


@contextmanager
def _finite(path: Path) -> Iterator[None]:
    """What makes pixels of a value that is not finite is the artifact's fault."""
    try:
        with np.errstate(invalid="raise"):
            yield
    except FloatingPointError as error:
        raise InputError(
            "its output holds values that are not finite", where=str(path), hint="look at its weights"
        ) from error


def _suffixes() -> str:
    return ", ".join(sorted(KINDS))


def to_pixels(real: NDArray[np.floating]) -> Image:
    """Real pixel values as uint8: rounded half to even, clipped to 0…255."""
    pixels: Image = np.clip(np.rint(real), 0, 255).astype(np.uint8)
    return pixels


def scale_between(small: tuple[int, int], large: tuple[int, int], where: str) -> int:
    """The whole factor between two image sizes.

    Raises:
        InputError: There is none.
    """
    scale = large[0] // small[0]
    if scale < 1 or large != (small[0] * scale, small[1] * scale):
        raise InputError(f"makes {large[0]}×{large[1]} of {small[0]}×{small[1]}; expected a whole factor", where=where)
    return scale
