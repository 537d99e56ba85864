"""What a phone without a phone is made of: ``PYTHONPATH=tests python -m outside.phone [FOLDER]``.

Debian's build of Android's own daemon ``adbd``, and the shell and the tools of a phone (mksh, toybox), laid out as on a
phone: ``/system/bin``, ``/data/local/tmp``, ``getprop``, ``dumpsys``. Takes ten seconds and 32 MB, and neither root nor
chroot; ``loop.py`` starts it. Needs apt-get, dpkg-deb and Debian's registry.
"""

import os
import platform
import shutil
import sys
from pathlib import Path

from outside.arm import STAMP, NotSetUpError, unpacked

RELEASE, PACKAGES = "trixie", ("adbd", "mksh", "toybox")
ADBD = "/usr/lib/android-sdk/platform-tools/adbd"
LAYOUT = "2"
"""Changes with what ``_laid`` makes."""

FOLDER = Path(os.environ.get("SR2TFLITE_PHONE") or Path.home() / ".cache" / "sr2tflite" / "phone")
"""Where it is kept; the environment variable names another place."""

COMMAND = "PYTHONPATH=tests python -m outside.phone"

TOOLS = """
    basename cat chmod chown chroot cp cut date df dirname du echo egrep env expr false find free getconf grep head
    id kill killall ln ls md5sum mkdir mktemp mount mountpoint mv nice nohup nproc od paste pgrep pidof pkill
    printenv printf ps pwd readlink realpath rm rmdir sed seq setsid sha256sum sleep sort stat sync tail taskset tee
    test time timeout top touch tr true truncate tty umount uname uniq uptime usleep wc which xargs xxd yes
"""
"""Of toybox, by name: the rest a phone has too, and no runner should need."""

GETPROP = """#!/system/bin/sh
if [ $# -eq 0 ]; then
  while IFS='=' read -r key value; do [ -n "$key" ] && echo "[$key]: [$value]"; done < /system/facts/build.prop
  exit 0
fi
while IFS='=' read -r key value; do [ "$key" = "$1" ] && { echo "$value"; exit 0; }; done < /system/facts/build.prop
echo "$2"
"""
DUMPSYS = """#!/system/bin/sh
[ -f "/system/facts/dumpsys/$1" ] && exec cat "/system/facts/dumpsys/$1"
echo "Can't find service: $1"
"""
RECORDER = """#!/system/bin/sh
echo "${0##*/} $*" >> /system/facts/calls
[ -f "/system/facts/answers/${0##*/} $*" ] && exec cat "/system/facts/answers/${0##*/} $*"
exit 0
"""
"""For what changes the system: writes down what it was asked to do."""


def installed(folder: Path = FOLDER) -> bool:
    """Whether it is set up."""
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text() == LAYOUT


def ready(folder: Path = FOLDER) -> Path:
    """The folder, set up if it is not yet; what a phone has as ``/`` is ``root`` in it.

    Raises:
        NotSetUpError: A tool is missing, or a registry does not answer.
    """
    if not installed(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
        if architecture is None:
            raise NotSetUpError(f"adbd is not built for {platform.machine()}")
        unpacked(folder / "root", architecture, RELEASE, *PACKAGES)
        _laid(folder / "root")
        (folder / STAMP).write_text(LAYOUT)
    return folder


def _laid(root: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        if (root / "usr" / name).exists() and not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    places = ("system/bin", "system/facts", "data/local/tmp", "proc", "sys", "dev", "tmp", "host", "root")
    for place in places:
        (root / place).mkdir(parents=True, exist_ok=True)
    for tool in TOOLS.split():
        (root / "system/bin" / tool).symlink_to("/usr/bin/toybox")
    for shell in ("system/bin/sh", "usr/bin/sh"):
        (root / shell).symlink_to("/usr/bin/mksh")
    (root / "usr/bin/env").symlink_to("toybox")
    scripts = {"getprop": GETPROP, "dumpsys": DUMPSYS, **dict.fromkeys(("cmd", "svc", "settings", "input"), RECORDER)}
    for name, text in scripts.items():
        script = root / "system/bin" / name
        script.write_text(text)
        script.chmod(0o755)
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/system/bin/sh\nshell:x:2000:2000:shell:/:/system/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nshell:x:2000:\n")


if __name__ == "__main__":
    sys.stdout.write(f"{ready(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else FOLDER)}\n")
