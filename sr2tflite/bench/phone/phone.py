"""One phone on the end of adb: its shell, and files to and fro."""

import re
from dataclasses import dataclass
from pathlib import Path

from sr2tflite.bench.phone.adb import LIMIT_S, Adb
from sr2tflite.bench.phone.adb_errors import refusal
from sr2tflite.errors import DeviceError

_END = re.compile(r"\n@@status (\d+)\n\Z")
_BYTES_PER_S = 1 << 20
"""The slowest cable that a file is waited for."""


@dataclass(frozen=True)
class Answer:
    """What a script on the phone printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def both(self) -> str:
        """Stdout and then stderr."""
        return f"{self.out}\n{self.err}"


class Phone:
    """A device that adb can use.

    Args:
        adb: The program.
        serial: As ``adb devices`` lists it.
    """

    def __init__(self, adb: Adb, serial: str) -> None:
        self.adb = adb
        self.serial = serial

    def demand_exit_statuses(self) -> None:
        """See to it that its shell tells exit statuses and keeps stderr apart, as from Android 7 on.

        Raises:
            DeviceError: It does not, or it cannot be asked.
        """
        features = self.adb.told("features", serial=self.serial, doing="asking what it can do")
        if "shell_v2" not in features.split():
            raise DeviceError(
                "its adbd has no shell_v2, which tells exit statuses; expected Android 7 or later",
                where=self.serial,
                hint="measure on a newer phone",
            )

    def ask(self, script: str, *, limit_s: float = LIMIT_S, doing: str) -> Answer:
        """Run a script in its shell.

        The last line that arrives is the script's exit status, and so the phone's word that the script has ended: where
        it is missing, the connection was lost, whatever the status of adb itself.

        Raises:
            DeviceError: The phone is gone, or the time was up; adbd ends the script then.
        """
        words = ("shell", "-n", "-T", f"(\n{script}\n); s=$?; echo; echo @@status $s")
        said = self.adb.say(*words, serial=self.serial, limit_s=limit_s)
        end = _END.search(said.out)
        if said.status is None or end is None:
            raise refusal(said, self.serial, doing)
        return Answer(int(end[1]), said.out[: end.start()], said.err)

    def push(self, local: Path, remote: str) -> None:
        """Send a file.

        Raises:
            DeviceError: It did not arrive.
        """
        limit_s = LIMIT_S + local.stat().st_size / _BYTES_PER_S
        doing = f"pushing {local.name}"
        self.adb.told("push", str(local), remote, serial=self.serial, limit_s=limit_s, doing=doing)

    def pull(self, remote: str, local: Path, *, size_bytes: int) -> None:
        """Fetch a file.

        Args:
            remote: Where it is.
            local: Where to.
            size_bytes: About how large it is.

        Raises:
            DeviceError: It did not arrive.
        """
        limit_s = LIMIT_S + size_bytes / _BYTES_PER_S
        doing = f"pulling {remote}"
        self.adb.told("pull", remote, str(local), serial=self.serial, limit_s=limit_s, doing=doing)
