"""The images of an evaluation: high-resolution files, and low-resolution ones that are given or made by bicubic."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr2tflite.data.bicubic import crop_to_multiple, downscale
from sr2tflite.data.images import decode_image, list_images
from sr2tflite.errors import InputError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.provenance import short_id

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class ImagePair:
    """One image of the set; nothing is decoded until :meth:`load`."""

    name: str
    """Set and stem: ``Set5/baby``."""

    hr: Path
    lr: Path | None
    """The given low-resolution file, or None where bicubic makes it."""

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
        hr = crop_to_multiple(decode_image(read_bytes(self.hr), str(self.hr)), scale, str(self.hr))
        if self.lr is None:
            return downscale(hr, scale), hr
        lr = decode_image(read_bytes(self.lr), str(self.lr))
        expected = (hr.shape[0] // scale, hr.shape[1] // scale)
        if lr.shape[:2] != expected:
            raise InputError(
                f"is {lr.shape[0]}×{lr.shape[1]}, {self.hr} is {hr.shape[0]}×{hr.shape[1]};"
                f" expected {expected[0]}×{expected[1]} at scale {scale}",
                where=str(self.lr),
                hint="make LR anew, or leave the LR folder out",
            )
        return lr, hr


@dataclass(frozen=True)
class ImageSet:
    """The images of one evaluation, in order."""

    pairs: tuple[ImagePair, ...]
    scale: int

    @property
    def sha256(self) -> str:
        """Of names, file hashes, the way LR comes about and the scale."""
        lines = [f"x{self.scale}", *(" ".join((pair.name, *pair.hashes)) for pair in self.pairs)]
        return sha256("\n".join(lines).encode())


def image_set(folders: Iterable[Path], scale: int, limit: int | None = None) -> ImageSet:
    """The images of some folders, each sorted by name.

    A folder holds HR images, or ``HR/`` and ``LR/``, or DIV2K's ``*_HR`` and ``*_LR_bicubic/X3`` (scale 3), where
    files are matched by stem, with or without ``x3`` after the LR one.

    Args:
        folders: One or more.
        scale: HR over LR.
        limit: Only the first so many of each folder.

    Raises:
        InputError: A folder holds no images, an image has no partner, or there is no folder.
    """
    pairs = tuple(pair for folder in folders for pair in _pairs(folder, scale)[:limit])
    if not pairs:
        raise InputError("no images to evaluate on", hint="give folders of images, and a limit of at least 1")
    return ImageSet(pairs, scale)


def _pairs(folder: Path, scale: int) -> list[ImagePair]:
    ends = _paired_folders(folder, scale)
    if ends is None:
        return [_pair(folder, path, None) for path in list_images(folder)]
    hr_files, lr_files = _by_stem(ends[0]), _by_stem(ends[1], rf"x{scale}$")
    alone = sorted(path.name for stem, path in (hr_files | lr_files).items() if stem not in hr_files.keys() & lr_files)
    if alone:
        raise InputError(
            f"{len(alone)} images have no partner: {', '.join(alone[:5])}{' …' if len(alone) > 5 else ''}",
            where=f"{ends[0]}, {ends[1]}",
            hint="each HR image needs an LR image of the same stem",
        )
    return [_pair(folder, path, lr_files[stem]) for stem, path in hr_files.items()]


def _pair(folder: Path, hr: Path, lr: Path | None) -> ImagePair:
    hashes = tuple(sha256(read_bytes(path)) for path in (hr, lr) if path)
    source = folder.resolve()
    name = source.parent.name if source.is_file() else source.name
    return ImagePair(f"{name}/{hr.stem}", hr, lr, hashes)


def _paired_folders(folder: Path, scale: int) -> tuple[Path, Path] | None:
    """HR and LR folder inside a folder; None where it holds the images itself."""
    if not folder.is_dir():
        return None
    if (folder / "HR").is_dir() and (folder / "LR").is_dir():
        return folder / "HR", folder / "LR"
    layouts = [(hr, folder / f"{hr.name[:-3]}_LR_bicubic" / f"X{scale}") for hr in sorted(folder.glob("*_HR"))]
    found = [(hr, lr) for hr, lr in layouts if lr.is_dir()]
    if len(found) > 1:
        names = ", ".join(hr.name for hr, _ in found)
        raise InputError(f"holds several sets: {names}", where=str(folder), hint="link the one you mean into a folder")
    return found[0] if found else None


def _by_stem(folder: Path, suffix: str = "$") -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in list_images(folder):
        stem = re.sub(suffix, "", path.stem)
        if stem in files:
            raise InputError(f"{path.name} and {files[stem].name} have one stem", where=str(folder), hint="remove one")
        files[stem] = path
    return files
