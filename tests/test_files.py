import errno
import os
import threading
from pathlib import Path

import pytest

from sr2tflite.errors import InputError, StorageError
from sr2tflite.files import alone, read_bytes, write_bytes, writing


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        write_bytes(target, b"new")
    assert caught.value.where == str(target)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_really_full_disk_is_one_message() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(StorageError):
        write_bytes(Path("/dev/full/x"), b"data")


def test_a_kill_while_writing_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "a.bin", b"data")
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_bytes(tmp_path / "nowhere")


def test_what_is_written_in_a_block_that_fails_is_nothing(tmp_path: Path) -> None:
    def stopped() -> None:
        with writing(tmp_path / "a.bin") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert os.listdir(tmp_path) == []


def test_one_at_a_time_is_let_in(tmp_path: Path) -> None:
    order, waits = [], threading.Event()

    def second() -> None:
        with alone(tmp_path, waits.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with alone(tmp_path, lambda: pytest.fail("nobody else is here")):
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
