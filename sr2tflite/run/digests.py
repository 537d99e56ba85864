"""Hashes of files, each read once in a run however many stages depend on it."""

import os
import time
from pathlib import Path

from sr2tflite.files import read_bytes, sha256, unreadable

_TICK_NS = 2 * 10**9
"""The coarsest clock of a file system, FAT's: what was changed this lately may change again and look the same."""

Marks = tuple[int, ...]


class Digests:
    """Hex SHA-256 of files, read again where anything that a change leaves behind is different.

    That is device, inode, size, and the times of the last change of content and of the file's record: the latter no
    program can set. A file that was changed only just now is not remembered.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Marks, str]] = {}

    def __call__(self, path: Path) -> str:
        """The hash of what is in a file now.

        Raises:
            InputError: There is no such file, or it cannot be read.
        """
        marks, is_settled = _marks(path)  # before it is read: what changes it meanwhile changes these
        known = self._known.get(path)
        if known is not None and known[0] == marks:
            return known[1]
        digest = sha256(read_bytes(path))
        if is_settled:
            self._known[path] = marks, digest
        return digest


def _marks(path: Path) -> tuple[Marks, bool]:
    """What tells two states of a file apart, and whether its clock has moved since the last change."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise unreadable(path, error) from error
    changed = max(found.st_mtime_ns, found.st_ctime_ns)
    marks = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return marks, time.time_ns() - changed > _TICK_NS
