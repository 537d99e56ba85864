"""The images of a budget: low-resolution ones, with their high-resolution originals where there are any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr2tflite.data.images import decode_image, list_images
from sr2tflite.errors import InputError
from sr2tflite.evaluate.image_set import ImageSet
from sr2tflite.files import read_bytes, sha256
from sr2tflite.provenance import short_id

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Sample:
    """One image; nothing is decoded until ``load`` is called."""

    name: str
    ids: frozenset[str]
    """How the metadata of an artifact that has seen the files names them."""

    load: Callable[[], tuple[Image, Image | None]]
    """The low- and, where there is one, the high-resolution image."""


@dataclass(frozen=True)
class Samples:
    """All images, in order."""

    images: tuple[Sample, ...]
    sha256: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(image.name for image in self.images)


def with_originals(images: ImageSet) -> Samples:
    """The pairs of an evaluation's image set."""
    pairs = images.pairs
    return Samples(
        tuple(Sample(pair.name, pair.ids, partial(pair.load, images.scale)) for pair in pairs), images.sha256
    )


def without_originals(folders: Sequence[Path], limit: int | None = None) -> Samples:
    """Folders of low-resolution images, each sorted by name.

    Args:
        folders: One or more.
        limit: Only the first so many of each.

    Raises:
        InputError: A folder holds no images.
    """
    found: list[tuple[Path, str, str]] = []
    for folder in folders:
        for path in list_images(folder)[:limit]:
            source = folder.resolve()
            place = source.parent.name if source.is_file() else source.name
            found.append((path, f"{place}/{path.stem}", sha256(read_bytes(path))))
    if not found:
        raise InputError("no images to measure on", hint="give folders of images, and a limit of at least 1")
    samples = [Sample(name, frozenset({short_id(digest)}), partial(_alone, path)) for path, name, digest in found]
    lines = ["low resolution", *(f"{name} {digest}" for _, name, digest in found)]
    digest = sha256("\n".join(lines).encode(errors="surrogateescape"))
    return Samples(tuple(samples), digest)


def _alone(path: Path) -> tuple[Image, None]:
    return decode_image(read_bytes(path), str(path)), None
