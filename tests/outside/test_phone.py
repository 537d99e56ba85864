"""The loop phone is one: the real adb and the real adbd, and nothing of this machine."""

import hashlib
from pathlib import Path

import pytest
from outside.facts import thermal
from outside.loop import World
from outside.loop_phone import WORK, Phone
from outside.phones import Phones


def test_one_phone_is_known_and_answers(world: World, phone: Phone) -> None:
    assert world.call("devices").stdout == f"List of devices attached\n{phone.serial}\tdevice\n\n"
    said = world.call("shell", "getprop ro.product.model; echo to stderr >&2; exit 7")
    assert (said.stdout, said.stderr, said.returncode) == ("Loop Phone\n", "to stderr\n", 7)


def test_two_phones_are_told_apart(world: World, phones: Phones) -> None:
    one, other = phones(2)
    assert world.call("shell", "true").stderr.strip().endswith("more than one device/emulator")
    serials = [world.call("-s", each.serial, "shell", "getprop ro.serialno").stdout for each in (one, other)]
    assert serials == ["LOOP0001\n", "LOOP0002\n"]


def test_what_is_pushed_is_there_and_comes_back(world: World, phone: Phone, tmp_path: Path) -> None:
    content = bytes(range(256)) * 400
    (tmp_path / "with a space").write_bytes(content)
    assert world.call("push", str(tmp_path / "with a space"), f"{WORK}/a file").returncode == 0
    assert phone.left == ["a file"]
    told = world.call("shell", f"sha256sum '{WORK}/a file'").stdout
    assert told.split()[0] == hashlib.sha256(content).hexdigest()
    assert world.call("pull", f"{WORK}/a file", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_bytes() == content


def test_a_new_test_finds_it_empty_and_cool(world: World, phone: Phone) -> None:
    world.call("shell", f"echo x > {WORK}/left; cmd power set-fixed-performance-mode-enabled true")
    phone.tell("dumpsys/thermalservice", thermal(status=3))
    assert (phone.left, phone.calls) == (["left"], ["cmd power set-fixed-performance-mode-enabled true"])
    assert "Thermal Status: 3" in world.call("shell", "dumpsys thermalservice").stdout
    phone.reset({"dumpsys/thermalservice": thermal()}, {})
    assert (phone.left, phone.calls) == ([], [])
    assert "Thermal Status: 0" in world.call("shell", "dumpsys thermalservice").stdout


def test_its_storage_can_be_full_read_only_or_not_executable(world: World, phone: Phone, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(200_000))
    phone.remount("size=64k")
    assert "No space left on device" in world.call("push", str(tmp_path / "large"), WORK).stderr
    phone.remount("ro,size=256m")
    assert "Read-only file system" in world.call("push", str(tmp_path / "large"), WORK).stderr
    phone.remount("rw,noexec")
    said = world.call("shell", f"echo exit > {WORK}/x; chmod 755 {WORK}/x; {WORK}/x")
    assert (said.returncode, "Permission denied" in said.stderr) == (126, True)


@pytest.mark.usefixtures("phone")
def test_its_root_cannot_be_written(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "Read-only file system" in world.call("push", str(tmp_path / "file"), "/system/bin/file").stderr


def test_unplugged_it_is_offline_and_plugged_in_again_it_has_kept_its_files(world: World, phone: Phone) -> None:
    world.call("shell", f"echo kept > {WORK}/kept")
    phone.unplug()
    assert world.call("shell", "true").returncode == 1
    phone.plug()
    world.connect(phone.serial)
    assert world.call("shell", f"cat {WORK}/kept").stdout == "kept\n"


@pytest.mark.usefixtures("phone")
def test_nothing_but_loopback_is_there(world: World) -> None:
    devices = [line.split(":")[0].strip() for line in world.run("cat", "/proc/net/dev").splitlines()[2:]]
    assert devices == ["lo"]
