"""The ONNX file that a verb starts from: whatever else is named there comes with the line that makes one of it."""

from pathlib import Path

from sr2tflite.errors import InputError
from sr2tflite.files import other_kind, quoted, read_bytes
from sr2tflite.graph import Graph, onnx
from sr2tflite.networks.header import CHECKPOINTS


def graph_in(model: Path) -> Graph:
    """The deploy graph in an ONNX file.

    Raises:
        InputError: There is no such file, it is of another kind, or damaged.
        UnsupportedError: It holds what the deploy graph does not.
    """
    is_checkpoint = model.suffix in CHECKPOINTS and model.exists()
    if is_checkpoint or (not model.exists() and _is_student(str(model))):
        raise InputError(
            f"is {'a checkpoint' if is_checkpoint else 'a student'}; expected a .onnx file",
            where=str(model),
            hint=f"sr2tflite fuse {quoted(model)} -o deploy.onnx",
        )
    if model.suffix == ".tflite" or model.is_dir():
        raise other_kind(model, ".onnx", "give the .onnx file that fuse, ptq or qat wrote")
    return onnx.read(read_bytes(model), str(model))


def _is_student(name: str) -> bool:
    from sr2tflite.networks.students import STUDENTS

    return name in STUDENTS.names()
