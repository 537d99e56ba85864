"""Files are hashed once in a run, and never believed to be what they were."""

import os
import time
from pathlib import Path

import pytest

from sr2tflite.errors import InputError
from sr2tflite.files import sha256
from sr2tflite.run import digests as module
from sr2tflite.run.digests import Digests
from sr2tflite.run.folder import RunFolder, Stage


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that is read."""
    found: list[Path] = []

    def read(path: Path) -> bytes:
        found.append(path)
        return path.read_bytes()

    monkeypatch.setattr(module, "read_bytes", read)
    return found


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock by which every file of a test is an hour old."""
    hour = 3600 * 10**9
    now = time.time_ns
    monkeypatch.setattr(module.time, "time_ns", lambda: now() + hour)


@pytest.mark.usefixtures("settled")
def test_stages_of_one_run_read_an_image_once(tmp_path: Path, reads: list[Path]) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"pixels")
    folder = RunFolder(tmp_path / "run")
    for name in ("ptq", "qat", "evaluate"):
        stage = Stage(name, {}, (image,), ())
        assert folder.run(stage, dict) == ({}, False)
        assert folder.run(stage, dict) == ({}, True)
    assert reads == [image]


CHANGES = {
    "as many bytes": lambda path: path.write_bytes(b"PIXELS"),
    "more bytes": lambda path: path.write_bytes(b"more pixels"),
    "another file under its name": lambda path: (
        path.with_name("b").write_bytes(b"PIXELS"),
        path.with_name("b").replace(path),
    ),
}


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_also_where_the_time_is_put_back(change: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"pixels")
    digest, before = Digests(), path.stat()
    assert digest(path) == sha256(b"pixels")
    time.sleep(0.02)  # a tick of the file system's clock
    CHANGES[change](path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest(path) == sha256(path.read_bytes()) != sha256(b"pixels")


def test_what_was_changed_just_now_is_read_again(tmp_path: Path, reads: list[Path]) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"pixels")
    digest = Digests()
    digest(path)
    path.write_bytes(b"PIXELS")  # maybe within the same tick
    assert digest(path) == sha256(b"PIXELS")
    assert reads == [path, path]


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Digests()(tmp_path / "image")
