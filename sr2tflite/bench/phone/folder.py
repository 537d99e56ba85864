"""A folder on the phone for one run: named by the hash of what is in it, checked there, and removed afterwards."""

import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sr2tflite.bench.phone.parcels import Parcel
from sr2tflite.bench.phone.phone import Phone
from sr2tflite.errors import DeviceError, Sr2TfliteError, VerificationError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.progress import Progress, remark

PARENT = "/data/local/tmp"
"""The one place where Android lets adb's shell write and run programs."""

PREFIX = "sr2tflite-"

_HASHED = re.compile(r"^([0-9a-f]{64}) [ *](.+)$", re.MULTILINE)
_NOT_FOUND = 127
"""What a shell ends with where there is no such program."""

_HASHING_S = 300.0
_RETURN_S = 5.0
"""How long a phone that is gone is waited for before what lies on it is given up."""


@contextmanager
def lodged(phone: Phone, cleaner: Phone, parcels: Sequence[Parcel], progress: Progress) -> Iterator[str]:
    """A folder with some files, for the time of the block; what earlier runs left is removed first.

    Args:
        phone: Where.
        cleaner: The same phone, through calls that an interrupt does not stop.
        parcels: All become executable, since a phone's ``push`` from Windows loses modes.
        progress: Told what was, or could not be, removed.

    Raises:
        DeviceError: It cannot be written.
        VerificationError: What arrived is not what was sent.
    """
    name = sha256(" ".join(sorted(f"{one.name} {one.sha256}" for one in parcels)).encode())[:16]
    folder = f"{PARENT}/{PREFIX}{name}"
    _sweep(phone, progress)
    try:
        _fill(phone, folder, parcels, progress)
        yield folder
    except BaseException as error:
        if left := _remains(cleaner, folder):
            _tell(error, left, progress)
        raise
    if left := _remains(cleaner, folder):
        remark(progress, phone.serial, left)


def _ending() -> str:
    """What ends every process that works in such a folder.

    adbd ends the shell of a call that is cut off, and not what that shell has started.
    """
    link = rf"s|.*/proc/\([0-9]*\)/cwd -> {PARENT}/{PREFIX}.*|\1|p"
    return f"for p in $(ls -ld /proc/[0-9]*/cwd 2>/dev/null | sed -n '{link}'); do kill -9 $p; done"


def _sweep(phone: Phone, progress: Progress) -> None:
    """Remove the folders of runs that were cut off."""
    every = f"{PARENT}/{PREFIX}{'[0-9a-f]' * 16}"
    script = f'{_ending()}; for d in {every}; do if [ -d "$d" ]; then rm -rf "$d"; echo "$d"; fi; done'
    for old in phone.ask(script, doing="looking for what earlier runs left").out.split():
        remark(progress, phone.serial, f"removed {old}, which an earlier run left")


def _fill(phone: Phone, folder: str, parcels: Sequence[Parcel], progress: Progress) -> None:
    made = phone.ask(f"mkdir {folder} && chmod 755 {folder}", doing="making a folder")
    if made.status:
        reason = made.both.strip().splitlines() or [f"status {made.status}"]
        hint = f"adb -s {phone.serial} shell ls -ld {PARENT}"
        raise DeviceError(f"cannot make a folder on it: {reason[-1]}", where=phone.serial, hint=hint)
    for index, one in enumerate(parcels):
        phone.push(one.path, f"{folder}/{one.name}")
        progress(f"pushing to {phone.serial}", index + 1, len(parcels), one.path.name)
    names = " ".join(shlex.quote(one.name) for one in parcels)
    phone.ask(f"cd {folder} && chmod 755 {names}", doing="making what was pushed executable")
    found = _digests(phone, folder, names, parcels)
    for one in parcels:
        if found.get(one.name) != one.sha256:
            message = (
                f"{one.name} arrived with sha256 {found.get(one.name, 'unknown')[:16]}; expected {one.sha256[:16]}"
            )
            raise VerificationError(message, where=phone.serial, hint="check the cable, then run the command again")


def _digests(phone: Phone, folder: str, names: str, parcels: Sequence[Parcel]) -> Mapping[str, str]:
    """The hashes of what arrived, by name: the phone's word, or where it has no sha256sum that of what comes back."""
    seen = phone.ask(f"cd {folder} && sha256sum {names}", limit_s=_HASHING_S, doing="checking what was pushed")
    if seen.status != _NOT_FOUND:
        return {name: digest for digest, name in _HASHED.findall(seen.out)}
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        back = Path(scratch) / "back"
        for one in parcels:
            phone.pull(f"{folder}/{one.name}", back, size_bytes=one.path.stat().st_size)
            found[one.name] = sha256(read_bytes(back))
    return found


def _remains(cleaner: Phone, folder: str) -> str | None:
    """Remove a folder; what to tell where that does not work."""
    for _ in range(2):
        try:
            script = f"{_ending()}; rm -rf {folder}; [ ! -e {folder} ]"
            if cleaner.ask(script, limit_s=15, doing="removing what was pushed").status == 0:
                return None
        except Sr2TfliteError:
            cleaner.adb.say("wait-for-device", serial=cleaner.serial, limit_s=_RETURN_S)
    again = f"adb -s {cleaner.serial} shell rm -rf {folder}"
    return f"{folder} is left on the phone: {again}, or run the same command again, which begins with that"


def _tell(error: BaseException, left: str, progress: Progress) -> None:
    """What was left goes with the error's hint, and where there is no such form, beside it."""
    if isinstance(error, Sr2TfliteError):
        error.hint = f"{error.hint}; {left}" if error.hint else left
    else:
        remark(progress, "phone", left)
