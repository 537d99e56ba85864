"""Writing files so that nothing is ever half-written: a temporary name beside the target, then a rename."""

import errno
import fcntl
import hashlib
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sr2tflite.errors import InputError, StorageError

_TEMPORARY = re.compile(r"\..+\.torn-\w+")
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM}


def cache_folder() -> Path:
    """Where what may be made or fetched again is kept: ``$SR2TFLITE_CACHE``, else ``~/.cache/sr2tflite``."""
    return Path(os.environ.get("SR2TFLITE_CACHE") or Path.home() / ".cache" / "sr2tflite")


def refused(path: Path, error: OSError) -> StorageError:
    """What a place that cannot be written becomes."""
    hint = "free some space or choose another place" if error.errno in _FULL else "choose another place"
    return StorageError(f"cannot write: {error.strerror}", where=str(path), hint=hint)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises:
        StorageError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StorageError(
            "is a file; expected a folder", where=error.filename or str(path), hint="choose another place"
        ) from error
    except OSError as error:
        raise refused(path, error) from error


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which becomes ``path`` at the end of the block, or nothing where that is left by an error.

    Raises:
        StorageError: The disk is full, or the folder may not be written.
    """
    make_folder(path.parent)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.torn-")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise refused(path, error) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all.

    Raises:
        StorageError: The disk is full, or the folder may not be written.
    """
    with writing(path) as file:
        file.write(data)


def remove_torn(folder: Path) -> None:
    """Remove what :func:`writing` left in a folder where its process was killed; no other may be writing there."""
    for path in folder.glob(".*"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink()


@contextmanager
def alone(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let one process at a time into the block; the lock of one that is killed is gone.

    Args:
        path: A file or folder that stands for the work.
        waiting: Called where another process is at it.

    Raises:
        StorageError: The place knows no locks.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        _lock(handle, path, waiting)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path, waiting: Callable[[], None]) -> None:
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        raise refused(path, error) from error


def append_bytes(path: Path, data: bytes) -> None:
    """Add bytes to the end of a file.

    Raises:
        StorageError: The disk is full, or the file may not be written.
    """
    try:
        with path.open("ab") as file:
            file.write(data)
    except OSError as error:
        raise refused(path, error) from error


def append_line(path: Path, line: str) -> None:
    """Add a line to a log.

    Raises:
        StorageError: The disk is full, or the file may not be written.
    """
    append_bytes(path, f"{line}\n".encode(errors="backslashreplace"))


def keep_apart(source: Path, target: Path) -> None:
    """See to it that a result does not replace what it is made from.

    Raises:
        InputError: Both are one file.
    """
    if source.resolve() == target.resolve():
        raise InputError("is input and output", where=str(target), hint="give the result another name")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 ``text`` to ``path``, whole or not at all; names of files that are no text are spelled out in it."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: There is no such file, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def read_range(path: Path, offset: int, length: int) -> bytes:
    """At most ``length`` bytes of a file from ``offset`` on; never more memory than the file has.

    Raises:
        InputError: There is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            rest = os.fstat(file.fileno()).st_size - offset
            file.seek(offset)
            return file.read(max(min(length, rest), 0))
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> InputError:
    """What a file or folder that cannot be read becomes."""
    hint = f"chmod +r {quoted(path)}" if error.errno in _DENIED else "check the path"
    if error.errno == errno.EISDIR:
        hint = "name one of the files in it"
    return InputError(f"cannot read: {error.strerror}", where=str(path), hint=hint)


def other_kind(path: Path, expected: str, hint: str) -> InputError:
    """What a path becomes that is not named as what is expected there: there is nothing, a folder, or another file."""
    if not path.exists():
        return InputError(f"cannot read: {os.strerror(errno.ENOENT)}", where=str(path), hint="check the path")
    found = "a folder" if path.is_dir() else f"a {path.suffix} file" if path.suffix else "a file without a suffix"
    return InputError(f"is {found}; expected {expected}", where=str(path), hint=hint)


def quoted(path: Path) -> str:
    """A path as one word of a command to type."""
    return shlex.quote(str(path))


def sha256(data: bytes) -> str:
    """Hex SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()
