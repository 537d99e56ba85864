"""The images of an evaluation: high-resolution files, and low-resolution ones that are given or made by bicubic."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr2tflite.data.pairs import Pair, find_pairs
from sr2tflite.errors import InputError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.provenance import short_id

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class ImagePair:
    """One image of the set; nothing is decoded until :meth:`load`."""

    name: str
    """Set and stem: ``Set5/baby``."""

    files: Pair

    hashes: tuple[str, ...]
    """SHA-256 of the files."""

    @property
    def ids(self) -> frozenset[str]:
        """How the metadata of an artifact that has seen the files names them."""
        return frozenset(short_id(one) for one in self.hashes)

    def load(self, scale: int) -> tuple[Image, Image]:
        """The low- and the high-resolution image; the latter cropped to a multiple of the scale.

        Raises:
            InputError: A file does not decode, is too small, or the two sizes do not fit.
        """
        return self.files.load(scale)


@dataclass(frozen=True)
class ImageSet:
    """The images of one evaluation, in order."""

    pairs: tuple[ImagePair, ...]
    scale: int

    @property
    def sha256(self) -> str:
        """Of names, file hashes, the way LR comes about and the scale."""
        lines = [f"x{self.scale}", *(" ".join((pair.name, *pair.hashes)) for pair in self.pairs)]
        return sha256("\n".join(lines).encode(errors="surrogateescape"))  # names need not be text


def image_set(folders: Iterable[Path], scale: int, limit: int | None = None) -> ImageSet:
    """The images of some entries, each sorted by name; see :mod:`sr2tflite.data.pairs` for what an entry may be.

    Args:
        folders: One or more.
        scale: HR over LR.
        limit: Only the first so many of each folder.

    Raises:
        InputError: A folder holds no images, an image has no partner, or there is no folder.
    """
    pairs = tuple(pair for folder in folders for pair in _pairs(folder, scale, limit))
    if not pairs:
        raise InputError("no images to evaluate on", hint="give folders of images, and a limit of at least 1")
    return ImageSet(pairs, scale)


def _pairs(folder: Path, scale: int, limit: int | None) -> list[ImagePair]:
    found = find_pairs(folder, scale, "valid")
    if found.alone:
        names = ", ".join(sorted(path.name for path in found.alone)[:5])
        raise InputError(
            f"{len(found.alone)} images have no partner: {names}{' …' if len(found.alone) > 5 else ''}",
            where=str(folder),
            hint="each HR image needs an LR image of the same stem",
        )
    return [
        ImagePair(f"{found.name}/{pair.hr.stem}", pair, tuple(sha256(read_bytes(path)) for path in pair.files))
        for pair in found.pairs[:limit]
    ]
