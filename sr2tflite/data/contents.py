"""What the cache file of training images holds; it is written as a stream, image by image, whole or not at all."""

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from sr2tflite.data.ahead import in_order
from sr2tflite.data.images import Image, read_image
from sr2tflite.data.pairs import OtherScaleError, Pair
from sr2tflite.errors import InputError, StorageError
from sr2tflite.files import remove_torn, write_text, writing
from sr2tflite.progress import Progress, remark

THREADS = min(os.cpu_count() or 1, 4)
"""That decode; each holds one image, and what resizing it takes (at 2K 150 MB)."""

SAMPLE = 8
"""Images that are looked at to say how much room all of them take."""

WORTH_SAYING = 10**8
"""Bytes that are announced before they are taken: seconds of work, and room that may be wanted for something else."""

ELSEWHERE = "free some space, or choose another place: export SR2TFLITE_CACHE=DIR"


@dataclass(frozen=True)
class Entry:
    """One image in the cache."""

    name: str
    sha256: str
    """Of the HR file."""
    height: int
    """Of the LR image; the HR image is ``scale`` times as high."""
    width: int
    offset: int
    """Of the LR image's first byte; the HR image follows it."""


@dataclass(frozen=True)
class Unusable:
    """A file that was left out."""

    pair: int
    """Which one, from 0."""
    file: int
    """0: its HR file, 1: its LR file."""
    message: str


@dataclass(frozen=True)
class Contents:
    """The index of a cache file."""

    scale: int
    entries: tuple[Entry, ...]
    unusable: tuple[Unusable, ...]

    @property
    def size_bytes(self) -> int:
        """Of the cache file."""
        last = self.entries[-1]
        return last.offset + last.height * last.width * 3 * (1 + self.scale**2)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Contents":
        read = json.loads(text)
        entries = tuple(Entry(**one) for one in read["entries"])
        return Contents(read["scale"], entries, tuple(Unusable(**one) for one in read["unusable"]))


def build(
    target: Path, index: Path, pairs: Sequence[Pair], digests: Sequence[str], scale: int, progress: Progress
) -> Contents:
    """Decode every image into a cache file, and write its index; the caller sees to it that it does so alone.

    Args:
        target: The cache file, ``*.u8``.
        index: Its index, ``*.json``.
        pairs: The images.
        digests: SHA-256 of each pair's HR file.
        scale: HR over LR.
        progress: Told how much room it will take, and how it goes.

    Raises:
        OtherScaleError: An LR image was made for another scale.
        InputError: No image can be used.
        StorageError: The disk is full, or has too little room; nothing is left behind.
    """
    remove_torn(target.parent)
    _announce(pairs, scale, target.parent, progress)
    try:
        with writing(target) as file:
            contents = _written(file, pairs, digests, scale, progress)
            write_text(index, contents.to_json())
    except StorageError as error:
        raise StorageError(error.message, where=error.where, hint=ELSEWHERE) from error
    return contents


def _announce(pairs: Sequence[Pair], scale: int, folder: Path, progress: Progress) -> None:
    """Say how much room it will take, before it is taken."""
    room, free = _room(pairs, scale), shutil.disk_usage(folder).free
    if free < room:
        raise StorageError(
            f"has {_size(free)} left; expected {_size(room)} for {len(pairs)} decoded images",
            where=str(folder),
            hint=ELSEWHERE,
        )
    if room >= WORTH_SAYING:
        remark(progress, "decoding", f"{len(pairs)} training images, once, into about {_size(room)} in {folder}")


def _room(pairs: Sequence[Pair], scale: int) -> int:
    """About how many bytes all images are when decoded, from how much larger than their files some of them are."""
    files = decoded = 0
    for pair in pairs[:: -(-len(pairs) // SAMPLE)]:
        try:
            pixels = read_image(pair.hr).size
        except InputError:
            continue
        files, decoded = files + pair.hr.stat().st_size, decoded + pixels + pixels // scale**2
    return sum(pair.hr.stat().st_size for pair in pairs) * decoded // max(files, 1)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _written(file: BinaryIO, pairs: Sequence[Pair], digests: Sequence[str], scale: int, progress: Progress) -> Contents:
    entries: list[Entry] = []
    unusable: list[Unusable] = []
    offset = 0
    with closing(in_order(partial(_loaded, scale=scale), pairs, THREADS)) as loaded:
        for number, found in enumerate(loaded):
            progress("decoding training images", number, len(pairs))
            if isinstance(found, InputError):
                unusable.append(Unusable(number, int(found.where == str(pairs[number].lr)), found.message))
                continue
            lr, hr = found
            entries.append(Entry(pairs[number].hr.name, digests[number], lr.shape[0], lr.shape[1], offset))
            offset += file.write(lr.tobytes()) + file.write(hr.tobytes())
    progress("decoding training images", len(pairs), len(pairs))
    if not entries:
        bad = unusable[0]
        where = str(pairs[bad.pair].files[bad.file])
        raise InputError(f"{bad.message}; no image could be used", where=where, hint="give other images")
    return Contents(scale, tuple(entries), tuple(unusable))


def _loaded(pair: Pair, scale: int) -> tuple[Image, Image] | InputError:
    """(LR, HR), or why not."""
    try:
        return pair.load(scale)
    except OtherScaleError:
        raise
    except InputError as error:
        return error
