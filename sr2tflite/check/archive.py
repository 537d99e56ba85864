"""A zip archive of strangers: its names are looked at, its sizes are bounded, and nothing of it is ever unpacked."""

import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO

from sr2tflite.check.contents import MOST_BYTES, MOST_ENTRIES, Fault

MOST_RATIO = 200
"""How many bytes one packed byte may become in a large entry: text becomes 20, a file of weights 1 to 2."""

_SMALL = 1 << 20
"""Bytes that an entry may become at any ratio."""

_MOST_DIRECTORY = 4 << 20
"""Bytes of the table of contents, which is read as a whole."""

_TAIL = 22 + 0xFFFF
"""In which the end record lies: its own length and the longest comment."""

_PIECE = 1 << 20

_TIME = (1980, 1, 1, 0, 0, 0)
"""The first that the format knows."""

_UNIX = 3

_BROKEN = (
    zipfile.BadZipFile,
    struct.error,
    zlib.error,
    ValueError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    IndexError,
    KeyError,
)
"""What :mod:`zipfile` raises of a damaged archive."""


def read_archive(data: bytes, wanted: frozenset[str]) -> tuple[tuple[str, ...], dict[str, bytes], tuple[Fault, ...]]:
    """Look an archive over, then read some of its files.

    Every entry is decoded once, in pieces, so that its checksum is known; where anything is wrong, nothing is given.

    Args:
        data: The archive.
        wanted: Names of the files to keep.

    Returns:
        (names of all entries, bytes of the wanted ones, what is wrong).
    """
    if fault := _too_long(data):
        return (), {}, (fault,)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            names = tuple(entry.filename for entry in entries)
            faults = tuple(_faults(entries))
            if faults:
                return names, {}, faults
            return names, *_decoded(archive, wanted)
    except _BROKEN as error:
        return (), {}, (Fault(None, f"is no whole zip archive: {_words(error)}", "one that unpacks"),)


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """A zip archive that depends on nothing but names and contents: sorted, stored, all of one time.

    Args:
        files: Name within the archive → bytes.
    """
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_TIME)
            entry.create_system, entry.external_attr = _UNIX, (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def _too_long(data: bytes) -> Fault | None:
    """Asked of the end record before :mod:`zipfile` believes it; it lies wherever its signature does."""
    tail = data[-_TAIL:]
    if b"PK\x06\x07" in tail or b"PK\x06\x06" in tail:
        return Fault(None, "is of the kind ZIP64", "a plain zip archive, which holds up to 4 GiB")
    for found in re.finditer(b"PK\x05\x06", tail):
        record = tail[found.start() : found.start() + 22]
        if len(record) == 22:
            count, length = struct.unpack("<HL", record[10:16])
            if count > MOST_ENTRIES or length > _MOST_DIRECTORY:
                return Fault(None, f"names {count:,} entries in {length:,} bytes", f"at most {MOST_ENTRIES:,} entries")
    return None


def _faults(entries: list[zipfile.ZipInfo]) -> Iterator[Fault]:
    """What is wrong by the table of contents alone."""
    if len(entries) > MOST_ENTRIES:
        yield Fault(None, f"holds {len(entries):,} entries", f"at most {MOST_ENTRIES:,}")
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        yield Fault(None, f"becomes {total:,} bytes", f"at most {MOST_BYTES:,}")
    taken: dict[str, str] = {}
    for entry in entries:
        name = entry.orig_filename
        if (reason := _name_fault(name)) or (reason := _kind_fault(entry)):
            yield Fault(_shown(name), *reason)
        key = unicodedata.normalize("NFC", name).casefold().rstrip("/")
        if key in taken:
            yield Fault(_shown(name), f"is there twice, once as {_shown(taken[key])}", "every name once, in any case")
        taken[key] = name


def _name_fault(name: str) -> tuple[str, str] | None:
    """Why unpacking a name might write elsewhere, here or on another system."""
    if any(unicodedata.category(one) == "Cc" for one in name):
        return "has a control character in its name", "a plain name"
    if "\\" in name:
        return "has a backslash in its name, which is a folder on Windows", "names with /"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "has an absolute name", "a name within the archive"
    parts = name.removesuffix("/").split("/")
    if ".." in parts:
        return "leads out of the folder that it is unpacked into", "a name within the archive"
    if "" in parts or "." in parts:
        return "has an empty part in its name", "a plain name"
    return None


def _kind_fault(entry: zipfile.ZipInfo) -> tuple[str, str] | None:
    mode = stat.S_IFMT(entry.external_attr >> 16)
    if mode == stat.S_IFLNK:
        return "is a link", "a file"
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a device or the like", "a file"
    if entry.flag_bits & 0x41:
        return "is encrypted", "a file that anybody can read"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is packed by method {entry.compress_type}", "stored or deflated"
    if entry.file_size > max(MOST_RATIO * entry.compress_size, _SMALL):
        return (
            f"becomes {entry.file_size:,} bytes out of {entry.compress_size:,}",
            f"at most {MOST_RATIO} times as many",
        )
    return None


def _decoded(archive: zipfile.ZipFile, wanted: frozenset[str]) -> tuple[dict[str, bytes], tuple[Fault, ...]]:
    """Every entry is read to its end; those that are wanted are kept."""
    kept: dict[str, bytes] = {}
    faults = []
    for entry in archive.infolist():
        try:
            with archive.open(entry) as file:
                pieces = []
                while piece := file.read(_PIECE):
                    if entry.filename in wanted:
                        pieces.append(piece)
        except _BROKEN as error:
            faults.append(Fault(_shown(entry.filename), f"does not unpack: {_words(error)}", "a whole file"))
            continue
        if entry.filename in wanted:
            kept[entry.filename] = b"".join(pieces)
    return ({}, tuple(faults)) if faults else (kept, ())


def _shown(name: str) -> str:
    """A name on one line."""
    return ascii(name)[1:-1] if not name.isprintable() else name


def _words(error: Exception) -> str:
    return _shown(" ".join(str(error).split()) or type(error).__name__)
