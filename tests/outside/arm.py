"""An aarch64 Python with LiteRT that runs here: ``python tests/outside/arm.py [FOLDER]``.

Debian's packages (an aarch64 Python, and qemu's user-mode emulator for this machine) are unpacked into a folder of
their own, and pip puts aarch64 wheels beside them: of the LiteRT and NumPy that are installed here. Needs apt-get,
dpkg-deb, their registries and PyPI; neither root nor chroot. Takes a minute and 500 MB while at it, and leaves 210.
"""

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

RELEASE, PYTHON = "bookworm", "python3.11"
QEMU_RELEASE = "trixie"
"""Under qemu 7.2 of the release before, LiteRT 2.3 ends with a segmentation fault; under 10.0 it does not."""
MIRROR, KEYS = "http://deb.debian.org/debian", "/usr/share/keyrings/debian-archive-keyring.gpg"
WHEELS = tuple(f"--platform=manylinux{name}_aarch64" for name in ("_2_28", "_2_27", "_2_17", "2014"))
STAMP = "ready"

FOLDER = Path(os.environ.get("SR2TFLITE_ARM") or Path.home() / ".cache" / "sr2tflite" / "arm")
"""Where it is kept; the environment variable names another place."""


class NotSetUpError(Exception):
    """It cannot be had on this machine; the message says why."""


def ready(folder: Path = FOLDER) -> Path:
    """The folder, set up if it is not yet.

    Raises:
        NotSetUpError: A tool is missing, or a registry does not answer.
    """
    wanted = f"{version('ai-edge-litert')} {version('numpy')}"
    stamp = folder / STAMP
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        _set_up(folder)
        stamp.write_text(wanted)
    return folder


def command(folder: Path, cpu: str) -> tuple[list[str], dict[str, str]]:
    """The command line, and the environment, of the aarch64 Python on a processor that qemu knows."""
    root = folder / "root"
    words = [str(folder / "qemu-aarch64"), "-cpu", cpu, "-L", str(root)]
    environment = {"PYTHONPATH": str(folder / "site"), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return [*words, str(root / "usr/bin" / PYTHON)], environment


def _set_up(folder: Path) -> None:
    for tool in ("apt-get", "dpkg-deb", KEYS):
        if not (shutil.which(tool) or Path(tool).is_file()):
            raise NotSetUpError(f"{tool} is not here: the packages are Debian's")
    folder.mkdir(parents=True)
    unpacked(folder / "root", "arm64", RELEASE, PYTHON, "libstdc++6")
    here = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    unpacked(folder / "packages", here, QEMU_RELEASE, "qemu-user")
    (folder / "packages/usr/bin/qemu-aarch64").rename(folder / "qemu-aarch64")
    shutil.rmtree(folder / "packages")
    pins = [f"{name}=={version(name)}" for name in ("ai-edge-litert", "numpy")]
    only = ("--only-binary=:all:", f"--python-version={PYTHON.removeprefix('python')}", "--implementation=cp", *WHEELS)
    _called([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder / "site"), *only, *pins])


def unpacked(place: Path, architecture: str, release: str, *packages: str) -> None:
    """Packages and all that they need, in a folder, of an architecture; this machine's own apt is left alone."""
    apt = place.with_suffix(".apt")
    for part in ("lists/partial", "cache/archives/partial", "state"):
        (apt / part).mkdir(parents=True)
    (apt / "state/status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={KEYS}] {MIRROR} {release} main\n")
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "true",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": apt / "state",
        "Dir::State::Lists": apt / "lists",
        "Dir::State::Status": apt / "state/status",
    }
    (apt / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    for words in (["update"], ["install", "--yes", "--download-only", *packages]):
        _called(["apt-get", "--quiet", *words], {"APT_CONFIG": str(apt / "apt.conf")})
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        _called(["dpkg-deb", "--extract", str(package), str(place)])
    shutil.rmtree(apt)


def _called(words: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})})
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise NotSetUpError(f"{words[0]} ended with status {done.returncode}: {last}")


if __name__ == "__main__":
    sys.stdout.write(f"{ready(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else FOLDER)}\n")
