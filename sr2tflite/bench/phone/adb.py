"""The adb program: where it is, which devices it sees, and one call with a time limit."""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sr2tflite.bench.phone.adb_errors import refusal
from sr2tflite.bench.phone.calls import Calls, Said
from sr2tflite.errors import DeviceError, MissingError
from sr2tflite.progress import Progress, remark, silent

LIMIT_S = 30.0
"""For calls that only ask."""

BRING = "pip install 'sr2tflite[android]' brings one; Android's platform-tools hold another (--adb PATH)"

_LISTED = re.compile(r"(\S+)\s+(no permissions.*?|[a-z]+)((?:\s+[\w-]+:\S+)*)\s*")
_VERSION = re.compile(r"^Version (\S+)", re.MULTILINE)
_PROTOCOL = re.compile(r"^Android Debug Bridge version (\S+)", re.MULTILINE)
_ADDRESS = re.compile(r"(?:\[[^\]]+\]|[^\s:]+):\d+")


@dataclass(frozen=True)
class Listed:
    """A line of ``adb devices -l``."""

    serial: str
    state: str
    """``device`` is one that can be used; ``unauthorized``, ``offline``, ``recovery``, ``no permissions (…)`` …"""

    traits: Mapping[str, str] = field(default_factory=dict)
    """``model``, ``product``, ``transport_id`` …"""


def listed(text: str) -> tuple[Listed, ...]:
    """The devices of ``adb devices -l``, in its order; news of the server and other lines are passed over."""
    found = []
    for line in text.splitlines():
        if line.startswith(("*", "List of devices")) or not (match := _LISTED.fullmatch(line.rstrip())):
            continue
        traits = dict(word.split(":", 1) for word in match[3].split())
        found.append(Listed(match[1], match[2], traits))
    return tuple(found)


def is_connected(text: str) -> bool:
    """Whether ``adb connect`` did it; its exit status is 0 either way."""
    return re.search(r"^(?:already )?connected to ", text, re.MULTILINE) is not None


def find_adb(given: Path | None = None) -> Path:
    """The program: the given one, else ``$ANDROID_HOME``'s, that on PATH, or that of the package ``adbutils``.

    Raises:
        MissingError: There is none.
    """
    if given is not None:
        found = shutil.which(given)
        if found is None:
            raise MissingError("is no program", where=str(given), hint=BRING)
        return Path(found)
    homes = [os.environ.get(name) for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT")]
    places = [str(Path(home) / "platform-tools" / "adb") for home in homes if home]
    for place in (*places, "adb"):
        if found := shutil.which(place):
            return Path(found)
    try:
        import adbutils
    except ImportError as error:
        raise MissingError("there is no adb program", where="--android", hint=BRING) from error
    try:
        return Path(adbutils.adb_path())
    except adbutils.AdbError as error:
        raise MissingError("there is no adb program", where="--android", hint=BRING) from error


class Adb:
    """One adb program and its server.

    Args:
        binary: The program.
        calls: How it is called; cleaning up needs calls of its own, which an interrupt did not stop.
    """

    def __init__(self, binary: Path, calls: Calls) -> None:
        self.binary = binary
        self.calls = calls

    def say(self, *words: str, serial: str | None = None, limit_s: float = LIMIT_S) -> Said:
        """Call it, whatever comes of that.

        Raises:
            MissingError: It cannot be started.
        """
        argv = [str(self.binary), *(("-s", serial) if serial else ()), *words]
        try:
            return self.calls(argv, limit_s=limit_s)
        except OSError as error:
            raise MissingError(f"cannot be started: {error.strerror}", where=str(self.binary), hint=BRING) from error

    def told(self, *words: str, serial: str | None = None, limit_s: float = LIMIT_S, doing: str) -> str:
        """What a call prints on stdout that must succeed.

        Raises:
            DeviceError: It failed, or its time was up.
            MissingError: The server does not start.
        """
        said = self.say(*words, serial=serial, limit_s=limit_s)
        if said.status != 0:
            raise refusal(said, serial, doing)
        return said.out

    def version(self) -> str:
        """Of the program: ``36.0.0-13206524``, or the protocol's where an old one tells no other.

        Raises:
            MissingError: The program is no adb.
        """
        said = self.say("version")
        match = _VERSION.search(said.out) or _PROTOCOL.search(said.out)
        if match is None:
            raise MissingError("is no adb: it tells no version", where=str(self.binary), hint=BRING)
        return match[1]

    def devices(self) -> tuple[Listed, ...]:
        """What it sees; starts the server."""
        self.told("start-server", doing="starting its server")
        return listed(self.told("devices", "-l", doing="listing devices"))

    def connect(self, address: str) -> None:
        """Reach a phone by network.

        Raises:
            DeviceError: It does not answer.
        """
        said = self.say("connect", address)
        if not is_connected(said.out):
            if said.status is not None and "failed to authenticate" not in said.out:
                last = (said.out.strip() or said.err.strip() or "no message").splitlines()[-1]
                hint = "is wireless debugging on, and the port right?"
                raise DeviceError(f"cannot be reached: {last}", where=address, hint=hint)
            raise refusal(said, address, "connecting")


def chosen(adb: Adb, serials: Sequence[str], *, every: bool, progress: Progress = silent) -> tuple[Listed, ...]:
    """The devices that are meant: those named, all, or the only one.

    Args:
        adb: Which sees them.
        serials: As ``adb devices`` lists them; ``host:port`` is connected to where it is not listed.
        every: Take all that can be used.
        progress: Told which of all cannot be.

    Raises:
        DeviceError: None is there, several are and none is named, or one that is named cannot be used.
    """
    found = adb.devices()
    for serial in serials:
        if _ADDRESS.fullmatch(serial) and serial not in {one.serial for one in found if one.state == "device"}:
            adb.connect(serial)
            found = adb.devices()
    by_serial = {one.serial: one for one in found}
    if serials:
        missing = next((serial for serial in serials if serial not in by_serial), None)
        if missing is not None:
            raise DeviceError("is not there", where=missing, hint=f"adb sees: {_names(found) or 'no device'}")
        return tuple(usable(by_serial[serial]) for serial in dict.fromkeys(serials))
    ready = [one for one in found if one.state == "device"]
    if not found:
        hint = "plug a phone in, switch on USB debugging in its developer options, and accept this computer"
        raise DeviceError("adb sees no device", where="--android", hint=hint)
    if every and ready:
        for one in found:
            if one.state != "device":
                remark(progress, "left out", f"{one.serial} is {one.state}")
        return tuple(ready)
    if len(found) > 1 and not every:
        hint = f"choose: --serial SERIAL, or --all-devices; adb sees: {_names(found)}"
        raise DeviceError(f"adb sees {len(found)} devices; expected one", where="--android", hint=hint)
    return (usable(found[0]),)


def usable(one: Listed) -> Listed:
    """The phone, if adb can use it.

    Raises:
        DeviceError: It is unauthorized, offline, in recovery …
    """
    if one.state != "device":
        said = Said((), 1, "", f"error: device {one.state}")
        known = one.state in {"unauthorized", "offline", "authorizing", "connecting"} or "permissions" in one.state
        if known:
            raise refusal(said, one.serial, "opening the phone")
        raise DeviceError(f"is in state {one.state!r}; expected device", where=one.serial, hint="start Android on it")
    return one


def _names(found: Sequence[Listed]) -> str:
    return ", ".join(sorted(one.serial if one.state == "device" else f"{one.serial} ({one.state})" for one in found))
