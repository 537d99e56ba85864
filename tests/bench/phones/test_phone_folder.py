"""The folder of a run, on a phone that is this computer behind an adb that is a script."""

import stat
import subprocess
import time
from pathlib import Path

import pytest

from sr2tflite.bench.phone import folder as phone_folder
from sr2tflite.bench.phone.adb import Adb
from sr2tflite.bench.phone.calls import Calls
from sr2tflite.bench.phone.folder import lodged
from sr2tflite.bench.phone.parcels import Parcel
from sr2tflite.bench.phone.phone import Phone
from sr2tflite.errors import DeviceError, InputError, VerificationError
from sr2tflite.files import sha256

ADB = """#!/bin/sh
[ -e {gone} ] && {{ echo "error: device 'abc' not found" >&2; exit 1; }}
shift 2
case "$1" in
  shell) {path}exec sh -c "$4";;
  push) cp "$2" "$3"{spoil};;
  pull) cp "$2" "$3";;
esac
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The phone's /data/local/tmp."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(phone_folder, "PARENT", str(folder))
    monkeypatch.setattr(phone_folder, "_RETURN_S", 0.1)
    return folder


@pytest.fixture
def phone(tmp_path):
    def made(spoil="", path=""):
        program = tmp_path / "adb"
        program.write_text(ADB.format(gone=tmp_path / "gone", spoil=spoil, path=path))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return Phone(Adb(program, Calls()), "abc")

    return made


@pytest.fixture
def parcels(tmp_path):
    found = []
    for name, content in (("tool", b"\x7fELF"), ("m0.tflite", b"model")):
        path = tmp_path / f"local {name}"
        path.write_bytes(content)
        found.append(Parcel(name, path, sha256(content)))
    return found


def silent(*_words):
    pass


def use(phone, cleaner, parcels, action=silent):
    with lodged(phone, cleaner, parcels, silent) as folder:
        action(folder)


def test_files_lie_in_a_folder_named_by_their_hash_and_are_gone_afterwards(work, phone, parcels):
    with lodged(phone(), phone(), parcels, silent) as folder:
        place = Path(folder)
        assert place.parent == work
        assert sorted(path.name for path in place.iterdir()) == ["m0.tflite", "tool"]
        assert (place / "tool").stat().st_mode & 0o777 == 0o755
    with lodged(phone(), phone(), parcels[::-1], silent) as again:
        assert again == folder
    with lodged(phone(), phone(), parcels[:1], silent) as other:
        assert other != folder
    assert list(work.iterdir()) == []


def test_what_an_earlier_run_left_is_removed_and_told_and_nothing_else_is(work, phone, parcels):
    old, mine, similar = (work / f"sr2tflite-{end}" for end in ("0123456789abcdef", "mine", "0123456789abcdef0"))
    for folder in (old, mine, similar):
        folder.mkdir()
    told = []
    with lodged(phone(), phone(), parcels, lambda *words: told.append(words)):
        assert not old.exists()
    assert ("abc", 0, 0, f"removed {old}, which an earlier run left") in told
    assert (mine.exists(), similar.exists()) == (True, True)


def test_what_still_runs_there_is_ended(work, phone, parcels):
    with lodged(phone(), phone(), parcels, silent) as folder:
        inside = subprocess.Popen(["sleep", "60"], cwd=folder)
        beside = subprocess.Popen(["sleep", "60"], cwd=work)
    try:
        assert inside.wait(10) == -9
        time.sleep(0.1)
        assert beside.poll() is None
    finally:
        beside.kill()
        beside.wait()


@pytest.mark.parametrize("path", ["", "PATH={bin} "], ids=["sha256sum there", "no sha256sum"])
def test_what_arrives_is_compared_with_what_was_sent(path, work, phone, parcels, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "ls", "sed", "rm", "mkdir", "chmod"):
        (tools / name).symlink_to(f"/bin/{name}")
    told = path.format(bin=tools)
    use(phone(path=told), phone(path=told), parcels)
    spoiled = phone(spoil='; echo x >> "$3"', path=told)
    with pytest.raises(VerificationError, match=r"tool arrived with sha256 .*; expected"):
        use(spoiled, spoiled, parcels)
    assert list(work.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_named_error(work, phone, parcels):
    work.rmdir()
    with pytest.raises(DeviceError, match=r"cannot make a folder on it: .*No such file"):
        use(phone(), phone(), parcels)


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("hint", [None, "do this"])
def test_what_cannot_be_removed_is_told_with_the_error(hint, phone, parcels, tmp_path):
    seen = []

    def vanish(folder):
        seen.append(folder)
        (tmp_path / "gone").touch()
        raise InputError("something else", hint=hint)

    with pytest.raises(InputError) as caught:
        use(phone(), phone(), parcels, vanish)
    (folder,) = seen
    assert caught.value.hint.startswith("do this; " if hint else folder)
    assert f"{folder} is left on the phone: adb -s abc shell rm -rf {folder}, or run" in caught.value.hint
    assert Path(folder).exists()


def test_what_cannot_be_removed_is_told_without_an_error_too(work, phone, parcels, tmp_path):
    told = []
    with lodged(phone(), phone(), parcels, lambda *words: told.append(words)) as folder:
        (tmp_path / "gone").touch()
    assert told[-1][3].startswith(f"{folder} is left on the phone")
    (tmp_path / "gone").unlink()
    use(phone(), phone(), parcels)
    assert list(work.iterdir()) == []


def test_an_interrupt_cleans_through_calls_of_its_own(work, phone, parcels):
    stopped, cleaner = phone(), phone()

    def interrupted(_folder):
        stopped.adb.calls.stop()
        stopped.ask("true", doing="going on")

    with pytest.raises(KeyboardInterrupt):
        use(stopped, cleaner, parcels, interrupted)
    assert list(work.iterdir()) == []
