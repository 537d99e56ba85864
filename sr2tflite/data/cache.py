"""Training images decoded once: a memory-mapped uint8 file of HR and LR images, named by the hash of its contents."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sr2tflite.data.ahead import in_order
from sr2tflite.data.contents import THREADS, Contents, Entry, build
from sr2tflite.data.images import Image
from sr2tflite.data.pairs import Pair, find_pairs
from sr2tflite.errors import InputError
from sr2tflite.files import alone, cache_folder, make_folder, read_bytes, sha256
from sr2tflite.progress import Progress, remark, silent

MOST_NAMED = 20
"""Files that are named one by one where many are left out."""


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
        return np.asarray(np.memmap(self.path, np.uint8, "r"))  # a plain array: slicing it costs less

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
                hint="give more images, or lower held_out: --set held_out=1",
            )
        by_hash = sorted(self.entries, key=lambda entry: entry.sha256)
        chosen = {entry.sha256 for entry in by_hash[:held_out]}
        kept = tuple(entry for entry in self.entries if entry.sha256 not in chosen)
        return (
            ImageCache(self.path, self.scale, kept, self.skipped),
            ImageCache(self.path, self.scale, tuple(by_hash[:held_out]), self.skipped),
        )


def open_cache(entries: Sequence[Path], scale: int, progress: Progress = silent) -> ImageCache:
    """The cache of some entries' images at a scale, built when there is none for exactly these files.

    A file that cannot be used is left out and named, to ``progress`` and in ``skipped``.

    Args:
        entries: Folders of HR images, or of HR and LR images; see :mod:`sr2tflite.data.pairs`.
        scale: HR over LR.
        progress: Told how it goes, what is left out, and how much room images will take before they are decoded.

    Raises:
        InputError: A folder holds no image, or none that can be used, or LR images of another scale.
        StorageError: The disk is full, or has too little room; nothing is left behind.
    """
    found = [find_pairs(entry, scale, "train") for entry in entries]
    pairs = [pair for one in found for pair in one.pairs]
    single = [f"{path}: has no partner" for one in found for path in one.alone]
    if not pairs:
        message = f"{single[0]}, nor has any other image" if single else "no folder of training images is given"
        raise InputError(message, hint="name at least one folder of images; LR images are named like HR ones")
    path, contents = _contents(pairs, scale, progress)
    bad = [f"{pairs[one.pair].files[one.file]}: {one.message}" for one in contents.unusable]
    skipped = (*bad, *single)
    for message in skipped[:MOST_NAMED]:
        remark(progress, "left out", message)
    if len(skipped) > MOST_NAMED:
        remark(progress, "left out", f"{len(skipped) - MOST_NAMED} files more")
    return ImageCache(path, scale, contents.entries, skipped)


def _contents(pairs: list[Pair], scale: int, progress: Progress) -> tuple[Path, Contents]:
    """(cache file, what it holds); built where it is not there."""
    with closing(in_order(_digests, pairs, THREADS)) as read:
        digests = []
        for done, one in enumerate(read):
            progress("reading training images", done, len(pairs))
            digests.append(one)
    how = [str(pair.degradation) for pair in pairs] if any(pair.degradation for pair in pairs) else []
    key = sha256(json.dumps([3, scale, digests, *how]).encode())[:24]
    folder = cache_folder()
    path, index = folder / f"{key}.u8", folder / f"{key}.json"
    contents = _saved(path, index)
    if contents is None:
        make_folder(folder)
        with alone(folder, lambda: remark(progress, "waiting", f"another process fills {folder}")):
            contents = _saved(path, index) or build(path, index, pairs, [one[0] for one in digests], scale, progress)
    return path, contents


def _digests(pair: Pair) -> list[str]:
    """SHA-256 of a pair's files; empty where one cannot be read, which decoding it will name."""
    digests = []
    for path in pair.files:
        try:
            digests.append(sha256(read_bytes(path)))
        except InputError:
            digests.append("")
    return digests


def _saved(path: Path, index: Path) -> Contents | None:
    """What a cache file holds; None where it is not there, or not whole."""
    if not (path.exists() and index.exists()):
        return None
    try:
        contents = Contents.from_json(index.read_text())
    except (ValueError, KeyError, TypeError):  # damaged: it can be made again
        return None
    return contents if path.stat().st_size == contents.size_bytes else None
