"""What a folder or an archive holds, as far as a submission goes: read without following or unpacking anything."""

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sr2tflite.errors import InputError
from sr2tflite.export.challenges import FIXED, FOLDER, NAMES, Role
from sr2tflite.files import other_kind, quoted, read_bytes, read_range, sha256, unreadable

WANTED = frozenset(f"{FOLDER}/{name}" for name in NAMES.values())
"""Names of the files within a submission."""

MOST_ENTRIES = 2000
"""Of a submission: three files, their sources and a paper."""

MOST_BYTES = 256 << 20
"""Of a submission, unpacked; the largest that is known has under one MiB of models."""


@dataclass(frozen=True)
class Fault:
    """Why something is not taken out of a package."""

    name: str | None
    """Of the entry; None for the whole."""

    found: str
    expected: str


@dataclass(frozen=True)
class Contents:
    """Names, and the bytes of what was wanted."""

    names: tuple[str, ...]
    """Of files, with ``/`` between folders."""

    data: dict[str, bytes]
    faults: tuple[Fault, ...]
    sha256: str
    size_bytes: int
    """Of the archive, or of the files that were wanted."""


def read_contents(path: Path, wanted: frozenset[str]) -> Contents:
    """Read a submission's files out of a folder or a zip archive; nothing is written anywhere.

    Args:
        path: The folder or archive.
        wanted: Names of the files to read.

    Raises:
        InputError: There is nothing of that name, it cannot be read, or it is another kind of file.
    """
    return _of_folder(path, wanted) if path.is_dir() else _of_archive(path, wanted)


def _of_archive(path: Path, wanted: frozenset[str]) -> Contents:
    from sr2tflite.check.archive import read_archive

    if path.suffix.lower() != ".zip":
        made = "sr2tflite export QDQ.onnx --int8 --free-shape -o model.tflite"
        raise other_kind(path, ".tflite, .zip or a folder", made)
    data = read_range(path, 0, MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        fault = Fault(None, f"has more than {MOST_BYTES:,} bytes", "a submission's few")
        return Contents((), {}, (fault,), "", path.stat().st_size)
    names, files, faults = read_archive(data, wanted)
    return Contents(tuple(name for name in names if not name.endswith("/")), files, faults, sha256(data), len(data))


def _of_folder(path: Path, wanted: frozenset[str]) -> Contents:
    """Only folders that a wanted file is in are looked into."""
    names: list[str] = []
    data: dict[str, bytes] = {}
    faults: list[Fault] = []
    for folder in sorted({"", *(name.rpartition("/")[0] for name in wanted)}):
        if (path / folder).is_symlink() and folder:
            faults.append(Fault(folder, "is a link", "a folder"))
            continue
        found = _listed(path / folder)
        names += [f"{folder}/{name}" if folder else name for name in found if not (path / folder / name).is_dir()]
    for name in sorted(wanted):
        file = path / name
        if file.is_symlink():
            faults.append(Fault(name, "is a link", "a file"))
        elif file.is_file() and file.stat().st_size > MOST_BYTES:
            faults.append(Fault(name, f"has more than {MOST_BYTES:,} bytes", "a model's few"))
        elif file.is_file() and not any(one.name and name.startswith(f"{one.name}/") for one in faults):
            data[name] = read_bytes(file)
    whole = sha256("\n".join(f"{sha256(data[name])} {name}" for name in sorted(data)).encode())
    return Contents(tuple(names), data, tuple(faults), whole, sum(map(len, data.values())))


def _listed(folder: Path) -> list[str]:
    """The names in a folder, sorted; of a very full one, some."""
    if not folder.is_dir():
        return []
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, MOST_ENTRIES))
    except OSError as error:
        raise unreadable(folder, error) from error


def file_in(target: Path, role: Role) -> tuple[Path, bytes]:
    """One file of a submission, a folder's ``model.tflite`` where it is none, or the target itself.

    Raises:
        InputError: It is not there, an archive is not safe to read, or the target is of another kind.
    """
    if target.suffix == ".tflite" and not target.is_dir():
        return target, read_bytes(target)
    if target.is_dir() and not (target / FOLDER).exists():
        return target / FIXED, read_bytes(target / FIXED)
    contents, name = read_contents(target, WANTED), f"{FOLDER}/{NAMES[role]}"
    if name in contents.data:
        return target / name, contents.data[name]
    found = (
        f"{fault.name or 'it'} {fault.found}" if (fault := next(iter(contents.faults), None)) else f"holds no {name}"
    )
    raise InputError(found, where=str(target), hint=f"sr2tflite check {quoted(target)} --profile mai2026")
