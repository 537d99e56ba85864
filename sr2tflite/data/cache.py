"""Training images decoded once: a memory-mapped uint8 file of HR and LR images, named by the hash of its contents."""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sr2tflite.data.bicubic import crop_to_multiple, downscale
from sr2tflite.data.images import Image, decode_image, list_images
from sr2tflite.errors import InputError
from sr2tflite.files import read_bytes, sha256, write_bytes, write_text
from sr2tflite.progress import Progress, silent


def cache_folder() -> Path:
    """Where decoded images are kept: ``$SR2TFLITE_CACHE``, else ``~/.cache/sr2tflite``."""
    return Path(os.environ.get("SR2TFLITE_CACHE") or Path.home() / ".cache" / "sr2tflite")


@dataclass(frozen=True)
class Entry:
    """One image in the cache."""

    name: str
    sha256: str
    height: int
    """Of the LR image; the HR image is ``scale`` times as high."""
    width: int
    offset: int
    """Of the LR image's first byte; the HR image follows it."""


@dataclass(frozen=True)
class ImageCache:
    """HR and LR images by index, read from a memory-mapped file."""

    path: Path
    scale: int
    entries: tuple[Entry, ...]
    skipped: tuple[str, ...] = ()
    """One message for each file that could not be used."""

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def _bytes(self) -> Image:
        mapped: Image = np.memmap(self.path, np.uint8, "r")
        return mapped

    def lr(self, index: int) -> Image:
        """Low-resolution image, height × width × 3."""
        entry = self.entries[index]
        size = entry.height * entry.width * 3
        return self._bytes[entry.offset : entry.offset + size].reshape(entry.height, entry.width, 3)

    def hr(self, index: int) -> Image:
        """High-resolution image, (scale·height) × (scale·width) × 3."""
        entry = self.entries[index]
        start = entry.offset + entry.height * entry.width * 3
        size = entry.height * entry.width * 3 * self.scale**2
        return self._bytes[start : start + size].reshape(entry.height * self.scale, entry.width * self.scale, 3)

    def split(self, held_out: int) -> tuple["ImageCache", "ImageCache"]:
        """(training part, held-out part): the held-out images are those whose content hashes sort first."""
        if not 0 < held_out < len(self.entries):
            raise InputError(
                f"cannot hold out {held_out} of {len(self.entries)} training images",
                hint="lower held_out, or give more images",
            )
        by_hash = sorted(self.entries, key=lambda entry: entry.sha256)
        chosen = {entry.sha256 for entry in by_hash[:held_out]}
        kept = tuple(entry for entry in self.entries if entry.sha256 not in chosen)
        return (
            ImageCache(self.path, self.scale, kept, self.skipped),
            ImageCache(self.path, self.scale, tuple(by_hash[:held_out]), self.skipped),
        )


def _collect(paths: list[Path], scale: int, progress: Progress) -> tuple[list[bytes], list[Entry], list[str]]:
    chunks: list[bytes] = []
    entries: list[Entry] = []
    skipped: list[str] = []
    offset = 0
    for done, path in enumerate(paths):
        progress("decoding training images", done, len(paths))
        data = read_bytes(path)
        try:
            hr = crop_to_multiple(decode_image(data, str(path)), scale, str(path))
            lr = downscale(hr, scale)
        except InputError as error:
            skipped.append(f"{error.where or path}: {error.message}")
            continue
        entries.append(Entry(path.name, sha256(data), lr.shape[0], lr.shape[1], offset))
        chunks += [lr.tobytes(), hr.tobytes()]
        offset += lr.size + hr.size
    return chunks, entries, skipped


def open_cache(folders: list[Path], scale: int, progress: Progress = silent) -> ImageCache:
    """The cache of some folders' images at a scale, built when there is none for exactly these files.

    A file that does not decode is left out and named in ``skipped``.

    Raises:
        InputError: A folder holds no image, or none that can be used.
        StorageError: The disk is full.
    """
    paths = [path for folder in folders for path in list_images(folder)]
    if not paths:
        raise InputError("no folder of training images is given", hint="name at least one")
    key = sha256(json.dumps([2, scale, [sha256(read_bytes(path)) for path in paths]]).encode())[:24]
    images, index = cache_folder() / f"{key}.u8", cache_folder() / f"{key}.json"
    if not index.exists():
        chunks, entries, skipped = _collect(paths, scale, progress)
        if not entries:
            raise InputError(f"no image could be used; {skipped[0]}", where=str(folders[0]), hint="give other images")
        write_bytes(images, b"".join(chunks))
        write_text(index, json.dumps({"entries": [vars(entry) for entry in entries], "skipped": skipped}))
    saved = json.loads(index.read_text())
    return ImageCache(images, scale, tuple(Entry(**entry) for entry in saved["entries"]), tuple(saved["skipped"]))
