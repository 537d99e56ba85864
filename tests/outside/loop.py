"""Phones without a phone: Android's own daemon on 127.0.0.1 of a private network namespace, for the real ``adb``.

What it proves: transport, quoting, exit statuses, time-outs, tidying up, several devices. What it cannot: latency, GPU,
NNAPI, heat, SELinux, what vendors change. adbd runs as root of a user namespace, which no file's mode stops: what a
phone forbids is simulated by leaving it out.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from outside.phone import ADBD
from outside.tool import host_paths

INIT, HALF, CABLE = (Path(__file__).with_name(f"{name}.py") for name in ("loop_init", "half_phone", "cable"))
SERVER_PORT, FIRST_PORT, HALF_PORT, CABLE_PORT = 5037, 6555, 6655, 6755
"""Phones' ports are not below: adb looks for emulators at 5555 to 5585 by itself, and would list a phone twice."""

WORK = "/data/local/tmp"

LAY = """
mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"
mount -t tmpfs tmpfs "$2/dev"
for node in null zero full random urandom tty; do touch "$2/dev/$node"; mount --bind "/dev/$node" "$2/dev/$node"; done
mkdir "$2/dev/pts"; mount -t devpts -o newinstance,ptmxmode=0666 devpts "$2/dev/pts"; ln -s pts/ptmx "$2/dev/ptmx"
mount -t tmpfs tmpfs "$2/tmp"; mount -t tmpfs -o mode=1777 tmpfs "$2/data/local/tmp"
mount --bind "$3" "$2/system/facts"; mount --bind "$4" "$2/sys"
mount -t tmpfs tmpfs "$2/host"; root="$2"; shift 4
for path; do mkdir -p "$root/host$path"; mount --rbind "$path" "$root/host$path"; done
for link in bin lib lib64; do ln -s "usr/$link" "$root/host/$link"; done
mkdir "$root/host/dev"; touch "$root/host/dev/null"; mount --bind /dev/null "$root/host/dev/null"
"""
"""One phone's root: read-only but for the places where a phone's shell writes, and for what tests write. Below
``/host`` is what the ``benchmark_model`` that really measures needs of this machine."""

BOOT = f"""
mount -t proc proc "$1/proc"
chroot "$1" /usr/bin/env -i PATH=/system/bin HOME=/ TERM=dumb ANDROID_DATA=/data ANDROID_ROOT=/system \
    TMPDIR=/data/local/tmp ADBD_PORT="$2" {ADBD} & wait
"""
"""The shell stays, as the phone's first process: it takes in what others leave behind, as Android's init does."""


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
            server = (
                "env",
                f"HOME={place / 'home'}",
                f"TMPDIR={place / 'home'}",
                "ADB_LIBUSB=0",
                adb,
                "server",
                "nodaemon",
            )
            self.start("adb server", SERVER_PORT, *server)
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
        done = subprocess.run([*self._entered(), *argv], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotLoopError(f"{argv[0]} failed: {(done.stderr.strip() or 'it says nothing').splitlines()[0]}")
        return done.stdout

    def call(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """What the real adb does."""
        return subprocess.run(
            [str(self.adb), *argv], capture_output=True, text=True, errors="replace", check=False, timeout=60
        )

    def connect(self, serial: str, state: str = "device") -> None:
        """Let the server know a phone and wait until it is in a state.

        Raises:
            CannotLoopError: It does not come up.
        """
        for _ in range(100):
            self.call("connect", serial)
            if f"{serial}\t{state}" in self.call("devices").stdout:
                return
            time.sleep(0.05)
        raise CannotLoopError(f"{serial} does not come up: {self._log.read_text()[-500:]}")

    def half_phone(self, state: str) -> str:
        """The serial of something that is ``unauthorized`` or ``offline``, or hangs up when one connects."""
        self.start("half phone", HALF_PORT, sys.executable, str(HALF), str(HALF_PORT), state)
        return f"127.0.0.1:{HALF_PORT}"

    def cable(self, phone: "Phone", *options: str) -> str:
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
        environment = f"-u ADB_SERVER_SOCKET -u ANDROID_ADB_SERVER_ADDRESS HOME='{home}' TMPDIR='{home}'"
        enter = " ".join(f"'{word}'" for word in self._entered())
        wrapper.write_text(
            f'#!/bin/sh\nexec {enter[: -len(" " + repr("--"))]} --wd="$PWD" -- '
            f"env {environment} ANDROID_ADB_SERVER_PORT={SERVER_PORT} '{self._adb}' \"$@\"\n"
        )
        wrapper.chmod(0o755)
        return wrapper

    def _entered(self) -> list[str]:
        kinds = ("--user", "--net", "--mount", "--preserve-credentials")
        return ["nsenter", f"--target={self._init.pid}", *kinds, "--"]

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


class Phone:
    """One of a world's phones. What it knows of itself are files that tests write."""

    def __init__(self, world: World, root: Path, place: Path, port: int) -> None:
        self._world, self.port = world, port
        self.serial = f"127.0.0.1:{port}"
        self.root, self._facts, self._sys = place / "root", place / "facts", place / "sys"
        for folder in (self.root, self._facts, self._sys):
            folder.mkdir(parents=True)
        places = (root, self.root, self._facts, self._sys, *host_paths())
        world.run("sh", "-euc", LAY, "sh", *(str(path) for path in places))
        self.plug()

    def plug(self) -> None:
        """Start its daemon; a world's ``connect`` makes it known."""
        boot = ("unshare", "--pid", "--fork", "--kill-child", "sh", "-euc", BOOT, "sh", str(self.root))
        self._world.start(self.serial, self.port, *boot, str(self.port))

    def unplug(self) -> None:
        """End its daemon and all that it runs; what is stored stays."""
        self._world.stop(self.serial)
        self._world.run("umount", str(self.root / "proc"))

    def reset(self, facts: dict[str, str], system: dict[str, str]) -> None:
        """Nothing in its work folder, which is writable and has room; and these files.

        Args:
            facts: Text by name: ``build.prop``, ``dumpsys/battery`` …
            system: Text by name below ``/sys``.
        """
        self.remount("rw,exec,size=256m")
        self._world.run("find", str(self.work), "-mindepth", "1", "-delete")
        for folder, files in ((self._facts, facts), (self._sys, system)):
            for old in folder.iterdir():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            for name, text in files.items():
                self._write(folder / name, text)

    def tell(self, name: str, text: str) -> None:
        """Change what it knows: ``build.prop``, ``dumpsys/battery`` …"""
        self._write(self._facts / name, text)

    def tell_system(self, name: str, text: str) -> None:
        """Change a file below ``/sys``."""
        self._write(self._sys / name, text)

    def knows(self, name: str) -> bool:
        """Whether there is such a file: a program on the phone may write some in ``/system/facts``."""
        return (self._facts / name).exists()

    @property
    def calls(self) -> list[str]:
        """What ``cmd``, ``svc`` and ``settings`` were asked to do."""
        written = self._facts / "calls"
        return written.read_text().splitlines() if written.exists() else []

    @property
    def work(self) -> Path:
        """Its ``/data/local/tmp``, as the world has it."""
        return self.root / WORK.removeprefix("/")

    @property
    def left(self) -> list[str]:
        """What lies in its work folder."""
        return self._world.run("ls", "-A", str(self.work)).split("\n")[:-1]

    def remount(self, options: str) -> None:
        """Its work folder otherwise: ``ro``, ``noexec``, ``size=64k`` …"""
        self._world.run("mount", "-o", f"remount,{options}", str(self.work))

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text)
        os.replace(fresh, path)
