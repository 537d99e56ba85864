"""Archives made to hurt whoever unpacks them."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable

from kit.submissions import FREE, honest

from sr2tflite.check.archive import archive_of

Fault = Callable[[], bytes]


def entry(name: str, *, mode: int = stat.S_IFREG | 0o644, method: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    made.external_attr, made.create_system, made.compress_type = mode << 16, 3, method
    return made


def with_entries(*more: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    """An honest archive and some entries more."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in honest().items():
            archive.writestr(entry(name), data)
        for one, data in more:
            archive.writestr(one, data, one.compress_type)
    return buffer.getvalue()


def with_name(name: str) -> Fault:
    """An entry of another name, as only a hostile writer writes it."""
    stand_in = "x" * len(name.encode())
    return lambda: with_entries((entry(stand_in), b"evil")).replace(stand_in.encode(), name.encode())


def directory(data: bytes, offset: int, value: bytes, number: int = 0) -> bytes:
    """A field of an entry of the table of contents changed."""
    at = -1
    for _ in range(number + 1):
        at = data.index(b"PK\x01\x02", at + 1)
    return data[: at + offset] + value + data[at + offset + len(value) :]


def bomb() -> bytes:
    return with_entries((entry("Other/zeros", method=zipfile.ZIP_DEFLATED), bytes(8 << 20)))


def promising_much() -> bytes:
    """Sizes that are a lie would be found at the end of the file; they are not believed so long."""
    data = with_entries(*((entry(f"Other/{i}"), bytes(9)) for i in range(3)))
    for number in (3, 4, 5):
        data = directory(data, 20, struct.pack("<LL", 200 << 20, 200 << 20), number)
    return data


def crowded() -> bytes:
    return with_entries(*((entry(f"Other/{i}"), b"") for i in range(2001)))


def with_damaged_byte() -> bytes:
    data = bytearray(archive_of(honest()))
    data[data.index(b"TFL3") + 999] ^= 1
    return bytes(data)


def with_zip64() -> bytes:
    data = archive_of(honest())
    end = data.rindex(b"PK\x05\x06")
    return data[:end] + b"PK\x06\x07" + struct.pack("<LQL", 0, end, 1) + data[end:]


ARCHIVES: dict[str, Fault] = {
    "zip-slip": with_name("../../evil"),
    "zip-slip inside a name": with_name("TFLite/../../evil"),
    "an absolute name": with_name("/tmp/evil"),
    "a drive": with_name("C:evil.tflite"),
    "a drive and backslashes": with_name("C:\\evil"),
    "backslashes": lambda: archive_of({name.replace("/", "\\"): data for name, data in honest().items()}),
    "a name that ends early": with_name("TFLite/a\0.txt"),
    "a control character": with_name("TFLite/a\x1b[2J"),
    "an empty part of a name": with_name("TFLite//a"),
    "a link": lambda: with_entries((entry("TFLite/link", mode=stat.S_IFLNK | 0o777), b"/etc/passwd")),
    "a pipe": lambda: with_entries((entry("TFLite/pipe", mode=stat.S_IFIFO | 0o644), b"")),
    "encrypted": lambda: directory(archive_of(honest()), 8, b"\x01\x00"),
    "a bomb": bomb,
    "a bomb of many files": promising_much,
    "too many entries": crowded,
    "a name twice": with_name("TFLite/model.tflite"),
    "a name twice, in another case": with_name("TFLite/MODEL.tflite"),
    "truncated": lambda: archive_of(honest())[:-400],
    "cut at the front": lambda: archive_of(honest())[100:],
    "a damaged byte": with_damaged_byte,
    "an uncommon method": lambda: with_entries((entry("a", method=zipfile.ZIP_BZIP2), bytes(99))),
    "two names for one entry": lambda: archive_of(honest()).replace(FREE.encode(), FREE.upper().encode(), 1),
    "ZIP64": with_zip64,
    "text": lambda: b"this is no archive" * 99,
    "an empty file": lambda: b"",
}
