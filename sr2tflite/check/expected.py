"""The other artifact that a file is compared with, brought to the file's form: its ends, its type, its size."""

from pathlib import Path

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.files import other_kind, read_bytes
from sr2tflite.graph import Graph, onnx, ops, tflite
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.graph.shapes import with_size


def open_expected(path: Path) -> Graph:
    """The quantized graph in a QDQ ONNX or a ``.tflite``.

    Raises:
        InputError: The file is damaged, float, or of another kind.
        UnsupportedError: Another tool wrote the ONNX, or it holds what the deploy graph cannot.
    """
    if path.suffix not in (".onnx", ".tflite"):
        raise other_kind(path, ".onnx or .tflite", "give the qat.onnx or ptq.onnx that the file was exported from")
    data = read_bytes(path)
    graph = onnx.read(data, str(path)) if path.suffix == ".onnx" else tflite.read(data, str(path))
    if not graph.is_quantized:
        raise InputError(
            "holds no scales: it is float; expected a quantized model",
            where=str(path),
            hint="give the qat.onnx or ptq.onnx that the file was exported from",
        )
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UnsupportedError("has several inputs or outputs; expected one image", where=str(path))
    return graph


def as_in_file(graph: Graph, file: Graph) -> Graph:
    """A graph as it would stand in a file of the form of another: uint8 or int8 integers, type of the ends, size.

    What cannot be brought to that form stays as it is, and differs.
    """
    result, dtype = graph, file.input.dtype
    if graph.input.dtype == "int8" and dtype in ("uint8", "float32"):
        try:
            result = as_uint8(graph) if holds_uint8_weights(file) else with_io(graph, dtype)
        except UnsupportedError:
            return graph
    height, width = file.input.shape[1:3] if len(file.input.shape) == 4 else (None, None)
    try:
        return with_size(result, height, width)
    except (InputError, UnsupportedError):
        return result


def holds_uint8_weights(graph: Graph) -> bool:
    """Whether a graph is one of uint8 integers throughout, and not of int8 ones behind uint8 ends."""
    return any(
        isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D) and graph.tensors[node.inputs[1]].dtype == "uint8"
        for node in graph.nodes
    )
