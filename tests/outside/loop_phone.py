"""One loop phone: its root, its daemon, its storage, and what it tells of itself."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from outside.phone import ADBD
from outside.tool import host_paths

if TYPE_CHECKING:
    from outside.loop import World

WORK = "/data/local/tmp"

LAY = """
mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"
mount -t tmpfs -o mode=755 tmpfs "$2/dev"
for node in null zero full random urandom tty; do touch "$2/dev/$node"; mount --bind "/dev/$node" "$2/dev/$node"; done
mkdir "$2/dev/pts"; mount -t devpts -o newinstance,ptmxmode=0666 devpts "$2/dev/pts"; ln -s pts/ptmx "$2/dev/ptmx"
mount -t tmpfs tmpfs "$2/tmp"; mount -t tmpfs -o mode=1777 tmpfs "$2/data/local/tmp"
mount --bind "$3" "$2/system/facts"; mount --bind "$4" "$2/sys"
mount -t tmpfs -o mode=755 tmpfs "$2/host"; root="$2"; shift 4
for path; do mkdir -p "$root/host$path"; mount --rbind "$path" "$root/host$path"
  mount -o remount,bind,ro "$root/host$path"; done
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


class Phone:
    """One of a world's phones. What it knows of itself are files that tests write."""

    def __init__(self, world: "World", root: Path, place: Path, port: int) -> None:
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
        # with a source named, mount leaves out what is mounted so far, such as a uid that this namespace does not have
        self._world.run("mount", "-o", f"remount,{options}", "tmpfs", str(self.work))

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text)
        os.replace(fresh, path)
