"""The NPU vendors' own compilers, as far as their AOT SDK is installed: which ops of a file each would take.

LiteRT brings a plugin for each vendor, which needs the vendor's libraries, and a program that asks a plugin for its
partitions of a file. Nothing is compiled, and nothing is run on a device.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from sr2tflite.errors import InputError
from sr2tflite.progress import Progress, remark, silent

LIMIT_S = 120
"""What one vendor may take; its compiler runs in a process of its own, which may also be lost."""

_UNNOTICED_S = 2.0
"""What takes no longer is not worth a word."""

_LOOK_S = 0.5
"""How often the bar moves after that."""

_COUNTED = re.compile(r"Partitioned subgraph<0>, selected (\d+) ops, from a total of (\d+) ops\. resulted in (\d+)")
_LIBRARY = re.compile(r"load [^\n]*library")
_UNLOADED = re.compile(r"Could not load shared library [^:]*: (?:/\S+: )?([^\n]*)")


@dataclass(frozen=True)
class Partitions:
    """What a compiler would take of a file."""

    selected: int
    total: int
    count: int
    """Connected parts that it would take; between two of them the CPU computes."""


@dataclass(frozen=True)
class Compiler:
    """A vendor's compiler in this installation."""

    vendor: str
    """The name of LiteRT's plugin."""

    manufacturer: str
    """As the plugin knows its vendor."""

    chip: str
    """The one that is asked for where nothing else is said."""

    package: str
    """What brings the vendor's libraries."""

    requirement: str
    """What to give to pip for it."""

    libraries: Callable[[], Path | None]

    @property
    def is_installed(self) -> bool:
        """Whether the vendor's package is there; nothing is imported."""
        return find_spec(self.package) is not None

    def partitions(self, file: Path, chip: str | None = None, progress: Progress = silent) -> Partitions:
        """Ask which ops of a ``.tflite`` it would take; an interruption ends the compiler as well.

        Args:
            file: The file.
            chip: As the plugin spells it.
            progress: Told where it takes longer than a moment.

        Raises:
            InputError: The compiler does not load, does not know the chip, refuses the file, or ends otherwise.
        """
        root = Path(next(iter(import_module("ai_edge_litert").__path__)))
        program, plugin = root / "tools" / "apply_plugin_main", root / "vendors" / self.vendor / "compiler"
        if not program.is_file() or not plugin.is_dir():
            raise InputError("this LiteRT has no compiler of it", where=self.vendor, hint="it is made for Linux on x86")
        found = [str(path) for path in (root, self.libraries()) if path is not None]
        told = {
            "cmd": "partition",
            "model": file.resolve(),
            "o": "partitioned.tflite",
            "soc_manufacturer": self.manufacturer,
            "soc_model": chip or self.chip,
            "libs": plugin,
        }
        with tempfile.TemporaryDirectory() as folder:
            said = _said(
                [str(program), *(f"--{name}={value}" for name, value in told.items())],
                Path(folder),
                os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(found)},
                self.vendor,
                progress,
            )
        counted = _COUNTED.search(said)
        if counted is None:
            # another file, not another installation, is what one that loads may need
            hint = f"pip install '{self.requirement}'" if _LIBRARY.search(said) else None
            raise InputError(_why(said), where=self.vendor, hint=hint)
        return Partitions(*map(int, counted.groups()))


def _said(command: list[str], folder: Path, environment: dict[str, str], vendor: str, progress: Progress) -> str:
    try:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,  # whatever it starts ends with it
        )
    except OSError as error:
        raise InputError(f"cannot be started: {error.strerror}", where=vendor) from error
    with child:
        try:
            said = _listen(child, vendor, progress)
        except subprocess.TimeoutExpired as error:
            _end(child)
            raise InputError(f"did not answer within {LIMIT_S} s", where=vendor) from error
        except BaseException:
            _end(child)
            raise
    if child.returncode < 0:
        raise InputError(f"ended by signal {-child.returncode}", where=vendor)
    return said


def _listen(child: "subprocess.Popen[str]", vendor: str, progress: Progress) -> str:
    """All that a process says; whoever waits longer than a moment is told for what.

    Raises:
        TimeoutExpired: It did not end in time.
    """
    began, look = time.monotonic(), _UNNOTICED_S
    while True:
        try:
            said, _ = child.communicate(timeout=look)
        except subprocess.TimeoutExpired:
            waited = time.monotonic() - began
            if waited >= LIMIT_S:
                raise
            remark(progress, "waiting", f"for the compiler of {vendor}, at most {LIMIT_S} s")
            progress(f"compiler of {vendor}, s", int(waited), LIMIT_S)
            look = min(_LOOK_S, LIMIT_S - waited)
        else:
            if look != _UNNOTICED_S:
                progress(f"compiler of {vendor}, s", LIMIT_S, LIMIT_S)
            return said


def _end(child: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _why(said: str) -> str:
    """What kept it from counting, out of everything that it said."""
    unloaded = _UNLOADED.search(said)
    if unloaded is not None:
        return f"does not load: {unloaded[1].strip().rstrip('.')}"
    errors = [line.partition("] ")[2] for line in said.splitlines() if line.startswith("ERROR: ")]
    return next((f"gave no partitions: {line}" for line in errors if line), "gave no partitions and said nothing")


def _libraries(package: str, *version: str) -> Path | None:
    """Where LiteRT's package for a vendor says that the vendor's libraries lie."""
    with suppress(ImportError, AttributeError, NotImplementedError, OSError):
        found: Path | None = import_module(package).path_to_sdk_libs(*version)
        return found
    return None


def _openvino() -> Path | None:
    spec = find_spec("openvino")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "libs"


def _published(vendor: str, manufacturer: str, chip: str, *version: str) -> Compiler:
    """A vendor whose libraries come by a package that LiteRT's makers publish."""
    package = f"ai_edge_litert_sdk_{vendor}"
    requirement = f"{package.replace('_', '-')}==2.3.0"
    return Compiler(vendor, manufacturer, chip, package, requirement, partial(_libraries, package, *version))


COMPILERS = {
    one.vendor: one
    for one in (
        _published("google_tensor", "Google", "Tensor_G5"),
        # LiteRT 2.3.0's plugin is linked with libopenvino.so.2631
        Compiler("intel_openvino", "IntelOpenVINO", "LNL", "openvino", "openvino==2026.3.1", _openvino),
        _published("mediatek", "MediaTek", "mt6991", "v8"),
        _published("qualcomm", "Qualcomm", "SM8750"),
    )
}
