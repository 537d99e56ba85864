"""Programs called with a time limit; all that run may be stopped together, from another thread."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

MOST_BYTES = 64 << 20
"""What is kept of a program's output."""


@dataclass(frozen=True)
class Said:
    """How a program ended and what it printed."""

    argv: tuple[str, ...]
    status: int | None
    """Exit status, negative where a signal ended it; None where its time was up."""

    out: str
    err: str


class Calls:
    """Programs that run at the same time and are stopped at the same time.

    Each is the head of a process group of its own, which ends with it when it is cut short: nobody is left behind, and
    a Ctrl-C at the terminal reaches this process only. Output goes to files and not through pipes, since a daemon that
    a program leaves behind (adb's server) would hold a pipe open.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def __call__(self, argv: Sequence[str], *, limit_s: float, env: Mapping[str, str] | None = None) -> Said:
        """Run a program to its end, or to the end of its time.

        Args:
            argv: The program and its words.
            limit_s: After how many seconds it is killed.
            env: Variables on top of this process's.

        Raises:
            KeyboardInterrupt: All were stopped.
            OSError: The program cannot be started.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self._start(argv, out, err, env)
            try:
                status: int | None = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                _end(process)
                with self._lock:
                    self._running.discard(process)
            if self._stopped.is_set():
                raise KeyboardInterrupt
            return Said(tuple(argv), status, _text(out), _text(err))

    def stop(self) -> None:
        """Kill what runs and let nothing start any more."""
        with self._lock:
            self._stopped.set()
            for process in self._running:
                _end(process)

    def pause(self, seconds: float) -> None:
        """Let some time pass.

        Raises:
            KeyboardInterrupt: All were stopped.
        """
        if self._stopped.wait(seconds):
            raise KeyboardInterrupt

    def _start(
        self, argv: Sequence[str], out: BinaryIO, err: BinaryIO, env: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped.is_set():
                raise KeyboardInterrupt
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
            self._running.add(process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a program that still runs, with its children; one that has ended leaves only what it meant to."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read(MOST_BYTES).decode(errors="replace").replace("\r\n", "\n")
