import os
import stat

import pytest

from sr2tflite.bench.phone.adb import Adb, Listed, chosen, find_adb, is_connected, listed
from sr2tflite.bench.phone.adb_errors import refusal
from sr2tflite.bench.phone.calls import Calls, Said
from sr2tflite.bench.phone.phone import Phone
from sr2tflite.errors import DeviceError, MissingError

LISTING = """* daemon not running; starting now at tcp:5037
* daemon started successfully
List of devices attached
R58M123ABC             device usb:1-2 product:beyond1 model:SM_G973F device:beyond1 transport_id:3
127.0.0.1:6555         device transport_id:1
emulator-5554          offline transport_id:2
0123456789             unauthorized usb:1-3 transport_id:4
abc                    no permissions (user in plugdev group; are your udev rules wrong?); see [http://developer.android.com/tools/device.html] usb:1-1 transport_id:5
def                    recovery

"""  # noqa: E501


def test_every_line_of_a_listing_is_a_device_with_its_state():
    found = listed(LISTING)
    assert [one.serial for one in found] == [
        "R58M123ABC", "127.0.0.1:6555", "emulator-5554", "0123456789", "abc", "def",
    ]  # fmt: skip
    states = ["device", "device", "offline", "unauthorized", "recovery"]
    assert [one.state for one in found if not one.state.startswith("no perm")] == states
    assert found[0].traits == {
        "usb": "1-2", "product": "beyond1", "model": "SM_G973F", "device": "beyond1", "transport_id": "3",
    }  # fmt: skip
    assert found[4].state.startswith("no permissions (user in plugdev group")


def test_nothing_attached_is_an_empty_listing():
    assert listed("List of devices attached\n\n") == ()


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("connected to 127.0.0.1:6555\n", True),
        ("already connected to 127.0.0.1:6555\n", True),
        ("failed to connect to '127.0.0.1:9999': Connection refused\n", False),
        ("failed to authenticate to 127.0.0.1:6556\n", False),
        ("* daemon started successfully\nconnected to h:1\n", True),
        ("", False),
    ],
)
def test_connect_is_judged_by_its_words_and_not_its_status(text, is_there):
    assert is_connected(text) is is_there


REFUSALS = {
    "unauthorized": ("error: device unauthorized.\nOtherwise check for a confirmation dialog.", DeviceError, "trust"),
    "authorizing": ("error: device still authorizing", DeviceError, "trust"),
    "offline": ("error: device offline", DeviceError, "is offline"),
    "unplugged": ("error: device 'abc' not found", DeviceError, "is not there"),
    "unplugged, of old": ("error: device not found", DeviceError, "is not there"),
    "udev": ("error: insufficient permissions for device: missing udev rules?", DeviceError, "this user"),
    "full": ("adb: error: failed to copy 'a' to 'b': couldn't write: No space left on device", DeviceError, "no space"),
    "read-only": ("adb: error: remote secure_mkdirs failed: Read-only file system", DeviceError, "may not be written"),
    "denied": ("adb: error: failed to copy: remote couldn't create file: Permission denied", DeviceError, "not allow"),
    "hang-up": ("error: protocol fault (couldn't read status): Connection reset by peer", DeviceError, "hung up"),
    "closed": ("error: closed", DeviceError, "hung up"),
    "server elsewhere": ("adb: cannot start server on remote host", MissingError, "ADB_SERVER_SOCKET|elsewhere"),
    "log of another": ("cannot open /tmp/adb.0.log: Permission denied\n* failed to start daemon", MissingError, "log"),
    "no server": ("* failed to start daemon *\nerror: cannot connect to daemon", MissingError, "does not start"),
    "unknown": ("* daemon started\nadb: something else", DeviceError, "status 1, while trying: adb: something else"),
}


@pytest.mark.parametrize(("said", "kind", "message"), REFUSALS.values(), ids=REFUSALS)
def test_what_adb_says_becomes_a_named_error_of_status_3(said, kind, message):
    error = refusal(Said((), 1, "", said), "abc", "trying")
    assert type(error) is kind
    assert error.exit_status == 3
    with pytest.raises(kind, match=message):
        raise error


def test_an_answer_that_does_not_come_and_a_lost_connection_are_told_apart():
    assert "no answer in time" in refusal(Said((), None, "", ""), "abc", "trying").message
    assert "connection was lost" in refusal(Said((), 255, "half", ""), "abc", "trying").message


@pytest.fixture
def program(tmp_path):
    """Writes an adb that is a script; the cases of a shell's ``case "$*"``."""

    def written(*cases, name="adb"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#!/bin/sh\ncase "$*" in\n' + "".join(f"{one};;\n" for one in cases) + "esac\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return written


def of_devices(program, *lines):
    text = "\\n".join(("List of devices attached", *lines))
    return Adb(program(f"'devices -l') printf '{text}\\n'", "*) true"), Calls())


def test_the_only_device_is_the_one(program):
    assert chosen(of_devices(program, "abc device"), (), every=False) == (Listed("abc", "device"),)


def test_all_devices_are_those_that_can_be_used(program):
    adb = of_devices(program, "a device", "b offline", "c device")
    remarks = []
    found = chosen(adb, (), every=True, progress=lambda *words: remarks.append(words))
    assert [one.serial for one in found] == ["a", "c"]
    assert remarks == [("left out", 0, 0, "b is offline")]
    assert [one.serial for one in chosen(adb, ("c", "a", "c"), every=False)] == ["c", "a"]


CHOICES = {
    "none": ((), (), False, "sees no device"),
    "none of all": ((), (), True, "sees no device"),
    "two and no serial": (("a device", "b unauthorized"), (), False, "sees 2 devices; expected one"),
    "a serial that is not there": (("a device",), ("b",), False, "is not there"),
    "one that is offline": (("a offline",), (), False, "is offline"),
    "one that does not trust": (("a device", "b unauthorized"), ("b",), False, "trust"),
    "no permissions": (("a no permissions (x); see [y]",), (), False, "this user"),
    "recovery": (("a recovery",), (), False, "state 'recovery'; expected device"),
    "all, and none usable": (("a offline", "b unauthorized"), (), True, "is offline"),
}


@pytest.mark.parametrize(("lines", "serials", "every", "message"), CHOICES.values(), ids=CHOICES)
def test_a_choice_that_cannot_be_is_refused_with_a_hint(program, lines, serials, every, message):
    with pytest.raises(DeviceError, match=message) as caught:
        chosen(of_devices(program, *lines), serials, every=every)
    assert caught.value.hint


def test_two_devices_are_named_in_the_hint(program):
    with pytest.raises(DeviceError) as caught:
        chosen(of_devices(program, "b unauthorized", "a device"), (), every=False)
    assert caught.value.hint.endswith("adb sees: a, b (unauthorized)")


def test_an_address_is_connected_to_where_it_is_not_listed(program, tmp_path):
    cases = (
        f"'devices -l') printf 'List of devices attached\\n'; cat {tmp_path}/known 2>/dev/null || true",
        f"'connect h:1') echo 'h:1 device' > {tmp_path}/known; echo connected to h:1",
        "'connect h:2') echo \"failed to connect to 'h:2': Connection refused\"",
        "'connect h:3') echo failed to authenticate to h:3",
    )
    adb = Adb(program(*cases), Calls())
    assert chosen(adb, ("h:1",), every=False)[0].serial == "h:1"
    with pytest.raises(DeviceError, match="Connection refused"):
        chosen(adb, ("h:2",), every=False)
    with pytest.raises(DeviceError, match="trust"):
        chosen(adb, ("h:3",), every=False)


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT", "ADBUTILS_ADB_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setitem(__import__("sys").modules, "adbutils", None)  # as if not installed


@pytest.mark.usefixtures("nowhere")
def test_adb_is_found_where_it_is_named_then_in_android_home_then_on_the_path(program, monkeypatch, tmp_path):
    with pytest.raises(MissingError, match="no adb program") as caught:
        find_adb()
    assert "pip install" in caught.value.hint
    on_path = program("*) true", name="path/adb")
    assert find_adb() == on_path
    at_home = program("*) true", name="home/platform-tools/adb")
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "home"))
    assert find_adb() == at_home
    assert find_adb(on_path) == on_path
    with pytest.raises(MissingError, match="is no program"):
        find_adb(tmp_path / "missing")


def test_adb_of_the_package_is_found_last(monkeypatch):
    adbutils = pytest.importorskip("adbutils")
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT", "ADBUTILS_ADB_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join(one for one in ("/usr/bin", "/bin") if not os.path.exists(f"{one}/adb")))
    assert find_adb().as_posix() == adbutils.adb_path()
    assert Adb(find_adb(), Calls()).version()[0].isdigit()


def test_a_program_that_is_no_adb_is_refused(program):
    with pytest.raises(MissingError, match="is no adb"):
        Adb(program("*) echo hello"), Calls()).version()
    old = Adb(program("*) echo Android Debug Bridge version 1.0.39"), Calls())
    assert old.version() == "1.0.39"


def test_an_old_android_is_refused_by_name(program):
    adb = Adb(program("'-s abc features') echo cmd", "'-s new features') printf 'shell_v2\\ncmd\\n'"), Calls())
    Phone(adb, "new").demand_exit_statuses()
    with pytest.raises(DeviceError, match=r"no shell_v2.*expected Android 7"):
        Phone(adb, "abc").demand_exit_statuses()


def as_phone(program, body):
    """A phone whose shell is this computer's, behind an adb that is a script."""
    return Phone(Adb(program(f"*) shift 5; {body}"), Calls()), "abc")


def test_a_script_tells_its_status_and_its_output(program):
    phone = as_phone(program, 'sh -c "$1"')
    answer = phone.ask("echo one\necho two >&2; exit 3", doing="asking")
    assert (answer.status, answer.out, answer.err) == (3, "one\n", "two\n")
    assert phone.ask("printf '@@status 9\\n'", doing="asking").status == 0


@pytest.mark.parametrize("body", ["sh -c 'echo half'; exit 0", 'sh -c "$1" | head -c 9; exit 0', "exit 255"])
def test_a_script_whose_end_is_missing_was_cut_off_whatever_adb_says(program, body):
    with pytest.raises(DeviceError, match="connection was lost, while asking"):
        as_phone(program, body).ask("echo 0123456789", doing="asking")


def test_a_shell_that_hangs_ends_in_time(program):
    with pytest.raises(DeviceError, match="no answer in time"):
        as_phone(program, "sleep 30").ask("true", limit_s=0.3, doing="asking")


def test_a_push_is_judged_by_its_status(program, tmp_path):
    (tmp_path / "a file").write_text("x")
    lying = "echo '1 file pushed'; echo 'adb: error: failed to copy: Read-only file system' >&2; exit 1"
    with pytest.raises(DeviceError, match="may not be written there, while pushing a file"):
        as_phone(program, lying).push(tmp_path / "a file", "/x")
    as_phone(program, "exit 0").push(tmp_path / "a file", "/x")
