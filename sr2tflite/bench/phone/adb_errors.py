"""What adb says when it cannot do as told, as an error with a hint."""

import re

from sr2tflite.bench.phone.calls import Said
from sr2tflite.errors import DeviceError, MissingError, Sr2TfliteError

_DEVICE: tuple[tuple[str, str, str], ...] = (
    (
        r"device unauthorized|device (?:still )?authorizing|failed to authenticate",
        "does not trust this computer yet",
        "unlock the phone, accept 'Allow USB debugging', then run the command again",
    ),
    (r"device offline", "is offline", "plug it in again, or: adb reconnect offline"),
    (r"device (?:still )?connecting", "is still connecting", "wait a moment, then run the command again"),
    (
        r"insufficient permissions|no permissions",
        "may not be used by this user",
        "add the udev rule of the phone's maker: https://developer.android.com/tools/device",
    ),
    (
        r"device '.*' not found|device not found|no devices/emulators found|device disconnected|transport .*not found",
        "is not there (any more)",
        "plug it in; `adb devices` lists what adb sees",
    ),
    (r"No space left on device|Disk quota exceeded", "has no space left", "free some: adb -s {serial} shell df /data"),
    (r"Read-only file system", "may not be written there", "adb -s {serial} shell ls -ld /data/local/tmp"),
    (r"Permission denied|Operation not permitted", "does not allow it", "adb -s {serial} shell ls -ld /data/local/tmp"),
    (
        r"error: closed|protocol fault|Connection reset|Broken pipe|EOF",
        "hung up",
        "check the cable, then run the command again",
    ),
)

_SERVER: tuple[tuple[str, str, str], ...] = (
    (
        r"cannot start server on remote host",
        "adb is told of a server elsewhere, which does not answer",
        "unset ADB_SERVER_SOCKET; a port of one's own is named by ANDROID_ADB_SERVER_PORT",
    ),
    (
        r"cannot open .*adb.*log",
        "adb may not write its log",
        "TMPDIR=$HOME/.cache adb start-server",
    ),
    (
        r"cannot connect to daemon|failed to start daemon|failed to check server version|could not install .*listener",
        "adb's server does not start",
        "adb kill-server; adb start-server",
    ),
)

_LOST = {0, 255}
"""What ``adb shell`` ends with where the phone has not told how the script ended."""


def refusal(said: Said, serial: str | None, doing: str) -> Sr2TfliteError:
    """The error for a call of adb that failed.

    Args:
        said: What it said.
        serial: The device it was about; None where it was about none.
        doing: What was tried: ``pushing a file``.
    """
    where = serial or "adb"
    if said.status is None:
        hint = "is the phone awake and its cable sound? More time: --timeout SECONDS"
        return DeviceError(f"no answer in time, while {doing}", where=where, hint=hint)
    text = f"{said.err}\n{said.out}"
    for pattern, message, hint in _SERVER:
        if re.search(pattern, text):
            return MissingError(message, where="adb", hint=hint)
    for pattern, message, hint in _DEVICE:
        if re.search(pattern, text):
            return DeviceError(f"{message}, while {doing}", where=where, hint=hint.format(serial=serial))
    if said.status in _LOST and not said.err.strip():
        hint = "check the cable, then run the command again"
        return DeviceError(f"the connection was lost, while {doing}", where=where, hint=hint)
    return DeviceError(f"adb ends with status {said.status}, while {doing}: {_last(text)}", where=where)


def _last(text: str) -> str:
    """The last line that is no news of adb's server."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("*")]
    return lines[-1] if lines else "no message"
