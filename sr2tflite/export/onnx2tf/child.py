"""The parent's side: what must be installed, the child process, and what became of it."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from sr2tflite.errors import MissingError, UnsupportedError
from sr2tflite.export.onnx2tf.feed import feedable
from sr2tflite.files import read_bytes, write_bytes
from sr2tflite.graph import Graph, onnx
from sr2tflite.graph.passes.file_io import FileIO
from sr2tflite.progress import Progress, silent

Conversion = Literal["int8", "float32", "float16", "dynamic-range"]

REQUIREMENTS = (
    "tensorflow==2.21.0",
    "tf_keras==2.21.0",
    "onnx2tf==1.28.8",
    "onnx-graphsurgeon==0.6.1",
    "sng4onnx",
    "psutil",
)
"""The extra ``onnx2tf`` of pyproject.toml, where the pins have their reasons."""

INSTALL = f"pip install {' '.join(REQUIREMENTS)}"

_MODULES = ("tensorflow", "tf_keras", "onnx2tf", "onnx_graphsurgeon", "sng4onnx", "psutil")
_PATIENCE_S = 600.0
"""A conversion takes about ten seconds, whatever the image's size."""

_UNNOTICED_S = 2.0
"""Work that is over sooner is not reported."""

_LAST_LINES = 5


def is_installed() -> bool:
    """Whether the extra is there; nothing is imported."""
    return not _missing()


def require() -> None:
    """See to it that the extra is there.

    Raises:
        MissingError: It is not; the hint is the pip line.
    """
    if missing := _missing():
        raise MissingError(f"{missing[0]} is not installed, which this road needs", where="onnx2tf", hint=INSTALL)


def _missing() -> list[str]:
    return [name for name in _MODULES if importlib.util.find_spec(name) is None]


def convert(graph: Graph, kind: Conversion, *, io: FileIO = "int8", progress: Progress = silent) -> bytes:
    """The ``.tflite`` that onnx2tf and TensorFlow make of a graph; *not* yet proved.

    Args:
        graph: In pixel units, sized (free sizes are None), without a file's ends: quantized for kind int8, else float.
        kind: What the converter makes of it.
        io: Type of an int8 file's ends.
        progress: Told when it takes longer.

    Raises:
        MissingError: The extra is not installed.
        UnsupportedError: The child made no file; its last lines are in the message.
    """
    require()
    with tempfile.TemporaryDirectory(prefix="sr2tflite-") as folder:
        source, target = Path(folder) / "source.onnx", Path(folder) / "target.tflite"
        write_bytes(source, onnx.write(feedable(graph)))
        size = graph.input.shape[1:3]
        job = {"source": str(source), "target": str(target), "size": size, "kind": kind, "io": io}
        ended = _run(json.dumps(job), Path(folder), progress)
        if not target.exists():
            raise UnsupportedError(
                f"onnx2tf made no file: {ended}", where=graph.name, hint="take --backend direct --no-cross-check"
            )
        return read_bytes(target)


def _run(job: str, folder: Path, progress: Progress) -> str:
    """Run the child in a folder of its own; returns its last lines."""
    command = [sys.executable, "-m", "sr2tflite.export.onnx2tf.worker"]
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        try:
            said = _listen(child, job, progress)
        except subprocess.TimeoutExpired:
            child.kill()
            return f"no answer in {_PATIENCE_S:.0f} s"
        except BaseException:
            child.kill()
            raise
    lines = [line.strip() for line in said.splitlines() if line.strip()][-_LAST_LINES:]
    return " | ".join([*lines, f"exit status {child.returncode}"])


def _listen(child: "subprocess.Popen[str]", job: str, progress: Progress) -> str:
    try:
        said, _ = child.communicate(job, timeout=_UNNOTICED_S)
    except subprocess.TimeoutExpired:
        progress("onnx2tf", 0, 1, "TensorFlow converts")
        said, _ = child.communicate(timeout=_PATIENCE_S)
        progress("onnx2tf", 1, 1, "done")
    return said
