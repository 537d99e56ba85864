"""Files that cannot be measured: of another kind, or with ops of TensorFlow itself, which no phone's tool has."""

from pathlib import Path

from sr2tflite.errors import UnsupportedError
from sr2tflite.files import other_kind, quoted, read_bytes
from sr2tflite.graph.tflite.flat import open_model
from sr2tflite.networks.header import CHECKPOINTS

FLEX = "Flex"
"""What the names of TensorFlow ops begin with that a file asks TensorFlow itself to run."""


def content_of(path: Path) -> bytes:
    """The bytes of a ``.tflite`` that needs no TensorFlow at run time.

    Raises:
        InputError: It cannot be read, or is another kind of file.
        UnsupportedError: It needs Flex ops.
    """
    if path.is_dir() or (path.suffix in (".onnx", *CHECKPOINTS) and path.is_file()):
        raise other_kind(path, ".tflite", _instead(path))
    content = read_bytes(path)
    refuse_flex(content, str(path))
    return content


def _instead(path: Path) -> str:
    """What to type with an ONNX file, a checkpoint, or a folder."""
    if path.is_dir() and (files := sorted(path.glob("*.tflite"))):
        return f"sr2tflite bench {quoted(files[0])}"
    source = quoted(path) if path.suffix == ".onnx" else "QDQ.onnx"
    return f"sr2tflite export {source} --int8 --free-shape -o model.tflite"


def refuse_flex(content: bytes, where: str) -> None:
    """See to it that a file needs no TensorFlow at run time.

    Raises:
        UnsupportedError: It does; ``where`` is its first such node.
        InputError: It is no TFLite file.
    """
    ops = [(index, op.custom) for index, op in enumerate(open_model(content, where).ops)]
    found = [(index, name) for index, name in ops if name.startswith(FLEX)]
    if found:
        index, name = found[0]
        names = ", ".join(sorted({name for _, name in found}))
        raise UnsupportedError(
            f"{name} is TensorFlow's own op; expected ops of TFLite alone (in all: {names})",
            where=f"{where}: op {index}",
            hint="`sr2tflite export` writes a file without Flex ops",
        )
