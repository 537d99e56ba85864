"""``sr2tflite export``: a deploy graph becomes a ``.tflite``, read back and proved before it is kept."""

from dataclasses import dataclass
from pathlib import Path

from sr2tflite.errors import InputError
from sr2tflite.export import direct
from sr2tflite.export.proof import Proof, prove
from sr2tflite.files import read_bytes, sha256, write_bytes
from sr2tflite.graph import Graph, Shape, onnx, tflite
from sr2tflite.graph.passes.file_io import FileIO


@dataclass(frozen=True)
class ExportResult:
    """A ``.tflite``, written and proved."""

    path: Path
    size_bytes: int
    sha256: str
    """Of the file."""

    input_shape: Shape
    """None where a size is free."""

    output_shape: Shape
    io: FileIO
    """Type of the file's ends."""

    proof: Proof


def export(
    model: Path,
    out: Path,
    *,
    int8: bool = True,
    height: int | None = None,
    width: int | None = None,
    free_shape: bool = False,
    io: FileIO = "int8",
) -> ExportResult:
    """Write the ``.tflite`` of an ONNX deploy graph, and prove that it holds that graph.

    Args:
        model: QDQ ONNX, or float ONNX when ``int8`` is off.
        out: The ``.tflite`` to write.
        int8: Off: a float32 file of a float graph, in pixel units.
        height: Of the input image.
        width: Of the input image.
        free_shape: Leave height and width to the caller of the file.
        io: Type of an int8 file's ends; a float32 file's are float32.

    Raises:
        InputError: The model cannot be read, is float where it should be quantized, or the size is not said once.
        UnsupportedError: The model holds what a runtime would refuse.
        VerificationError: The file is not the graph.
    """
    _check_size(height, width, free_shape)
    graph = _sized(onnx.read(read_bytes(model), str(model)), model, int8, height, width, io)
    data = tflite.write(graph)
    proof = prove(data, graph)
    write_bytes(out, data)
    ends: FileIO = io if int8 else "float32"
    return ExportResult(out, len(data), sha256(data), graph.input.shape, graph.output.shape, ends, proof)


def _check_size(height: int | None, width: int | None, free_shape: bool) -> None:
    if free_shape and (height is not None or width is not None):
        raise InputError("both a size and a free shape are asked for", hint="give --free-shape or --height and --width")
    if not free_shape and (height is None or width is None):
        raise InputError("the input's size is not said", hint="give --height and --width, or --free-shape")


def _sized(graph: Graph, model: Path, int8: bool, height: int | None, width: int | None, io: FileIO) -> Graph:
    if int8 and not graph.is_quantized:
        raise InputError(
            "holds no scales: it is float, and an int8 file needs a quantized model",
            where=str(model),
            hint=f"sr2tflite ptq {model} --calibrate DIR -o ptq.onnx",
        )
    if not int8 and graph.is_quantized:
        raise InputError("is quantized; expected a float model", where=str(model), hint="give the deploy.onnx")
    if int8:
        return direct.prepare(graph, height=height, width=width, io=io)
    return direct.prepare_float(graph, height=height, width=width)
