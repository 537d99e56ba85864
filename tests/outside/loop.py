"""Phones without a phone: Android's own daemon on 127.0.0.1 of a private network namespace, for the real ``adb``.

What it proves: transport, quoting, exit statuses, time-outs, tidying up, several devices. What it cannot: latency, GPU,
NNAPI, heat, SELinux, what vendors change. adbd runs as root of a user namespace, which no file's mode stops: what a
phone forbids is simulated by leaving it out.
"""

import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from outside.loop_phone import Phone

INIT, HALF, CABLE = (Path(__file__).with_name(f"{name}.py") for name in ("loop_init", "half_phone", "cable"))
SERVER_PORT, FIRST_PORT, HALF_PORT, CABLE_PORT = 5037, 6555, 6655, 6755
"""Phones' ports are not below: adb looks for emulators at 5555 to 5585 by itself, and would list a phone twice."""


class CannotLoopError(Exception):
    """Not on this machine; the message says why."""


class World:
    """Namespaces with nothing but a loopback device, one adb server, and phones."""

    def __init__(self, root: Path, place: Path, adb: str, phones: int = 2) -> None:
        """Start everything.

        Args:
            root: What ``outside.phone`` laid.
            place: An empty folder.
            adb: The real one.
            phones: How many there are.

        Raises:
            CannotLoopError: The machine forbids namespaces or mounts in them, or something of it is missing.
        """
        for tool in ("unshare", "nsenter", "mount", "chroot"):
            if not shutil.which(tool):
                raise CannotLoopError(f"{tool} is not here: it is util-linux's or coreutils'")
        self._place, self._log, self._adb = place, place / "log", adb
        namespaces = ("--user", "--map-root-user", "--net", "--mount", "--propagation", "private")
        words = ["unshare", *namespaces, "--pid", "--fork", "--kill-child", sys.executable, str(INIT)]
        with self._log.open("ab") as log:
            self._init = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            self._answer()
            (place / "home").mkdir()
            self.adb = self._wrapped_adb()
            at_home = ("env", f"HOME={place / 'home'}", f"TMPDIR={place / 'home'}", "ADB_LIBUSB=0")
            self.start("adb server", SERVER_PORT, *at_home, adb, "server", "nodaemon")
            self.phones = [Phone(self, root, place / f"phone{index}", FIRST_PORT + index) for index in range(phones)]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End every process in it."""
        assert self._init.stdin is not None
        self._init.stdin.close()
        self._init.wait(timeout=20)

    def start(self, name: str, port: int, *argv: str) -> None:
        """Run something in here that listens, until it is stopped, or everything is.

        Raises:
            CannotLoopError: It does not listen.
        """
        if not self._order(start=name, argv=argv, port=port, log=str(self._log)):
            raise CannotLoopError(f"{name} does not listen: {self._log.read_text()[-500:]}")

    def stop(self, name: str) -> None:
        """End it, if it has not ended."""
        self._order(stop=name)

    def run(self, *argv: str) -> str:
        """What a command in here says.

        Raises:
            CannotLoopError: It failed.
        """
        done = subprocess.run([*self._entered, "--", *argv], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotLoopError(f"{argv[0]} failed: {(done.stderr.strip() or 'it says nothing').splitlines()[0]}")
        return done.stdout

    def call(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """What the real adb does."""
        return subprocess.run(
            [str(self.adb), *argv], capture_output=True, text=True, errors="replace", check=False, timeout=60
        )

    def connect(self, serial: str) -> None:
        """Let the server know a phone and wait until it can be used.

        Raises:
            CannotLoopError: It does not come up.
        """
        for _ in range(100):
            self.call("connect", serial)
            if f"{serial}\tdevice" in self.call("devices").stdout:
                return
            time.sleep(0.05)
        raise CannotLoopError(f"{serial} does not come up: {self._log.read_text()[-500:]}")

    def half_phone(self, state: str) -> str:
        """The serial of something that is ``unauthorized`` or ``offline``, or hangs up when one connects."""
        self.start("half phone", HALF_PORT, sys.executable, str(HALF), str(HALF_PORT), state)
        return f"127.0.0.1:{HALF_PORT}"

    def cable(self, phone: Phone, *options: str) -> str:
        """A phone's serial at the other end of a cable with some of the options of ``cable.py``."""
        self.start("cable", CABLE_PORT, sys.executable, str(CABLE), str(CABLE_PORT), str(phone.port), *options)
        return f"127.0.0.1:{CABLE_PORT}"

    def tidy(self) -> None:
        """No half phone and no cable, and no phone is known."""
        self.stop("half phone")
        self.stop("cable")
        self.forget()

    def see(self, serial: str, state: str) -> None:
        """Let the server try to connect until it lists something in a state; it goes on trying, nobody waits.

        Raises:
            CannotLoopError: It never lists that.
        """
        words = [str(self.adb), "connect", serial]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
            seen = self._seen(f"{serial}\t{state}")
            client.kill()
        if not seen:
            raise CannotLoopError(f"{serial} is never {state}")

    def forget(self) -> None:
        """No phone is known."""
        self.call("disconnect")

    def _seen(self, line: str) -> bool:
        """Whether the server lists a line within five seconds."""
        for _ in range(100):
            if line in self.call("devices").stdout:
                return True
            time.sleep(0.05)
        return False

    def _wrapped_adb(self) -> Path:
        """The real adb as this world's: callable from outside, with paths of outside."""
        wrapper, home = self._place / "adb", self._place / "home"
        unset = ("-u", "ADB_SERVER_SOCKET", "-u", "ANDROID_ADB_SERVER_ADDRESS")
        mine = ("env", *unset, f"HOME={home}", f"TMPDIR={home}", f"ANDROID_ADB_SERVER_PORT={SERVER_PORT}")
        run = f'{shlex.join(self._entered)} --wd="$PWD" {shlex.join([*mine, self._adb])}'
        wrapper.write_text(f'#!/bin/sh\nexec {run} "$@"\n')
        wrapper.chmod(0o755)
        return wrapper

    @property
    def _entered(self) -> list[str]:
        """What to put before a command, and before options of ``nsenter``'s own."""
        return ["nsenter", f"--target={self._init.pid}", "--user", "--net", "--mount", "--preserve-credentials"]

    def _order(self, **order: object) -> bool:
        assert self._init.stdin is not None
        self._init.stdin.write(json.dumps(order) + "\n")
        self._init.stdin.flush()
        return self._answer()

    def _answer(self) -> bool:
        assert self._init.stdout is not None
        line = self._init.stdout.readline()
        if not line:
            said = self._log.read_text().strip().splitlines()
            raise CannotLoopError(f"no namespaces: {said[-1] if said else 'unshare says nothing'}")
        return bool(json.loads(line))
