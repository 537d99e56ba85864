"""The graph's own codec as an export backend: no converter, no recalibration, milliseconds."""

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.export.checks import check_integers
from sr2tflite.graph import Graph
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.graph.passes.clip_before_shuffle import clip_before_shuffle
from sr2tflite.graph.passes.file_io import FileIO, with_io
from sr2tflite.graph.passes.pixel_units import to_pixel_units
from sr2tflite.graph.shapes import with_size


def prepare(graph: Graph, *, height: int | None, width: int | None, io: FileIO) -> Graph:
    """The quantized graph exactly as it will stand in the file.

    Args:
        graph: A quantized graph.
        height: Of the input; None leaves it free.
        width: Of the input; None leaves it free.
        io: Type of the file's ends.

    Raises:
        InputError: The graph is float, or a size is not positive.
        UnsupportedError: It holds what a runtime would refuse.
        VerificationError: It breaks a rule of TFLite's INT8 specification.
    """
    _refuse_float(graph)
    return _checked(with_size(with_io(graph, io), height, width))


def prepare_uint8(graph: Graph, *, height: int | None, width: int | None) -> Graph:
    """The quantized graph as it will stand in a file for accelerators that know uint8 only: codes 128 higher.

    Args:
        graph: A quantized graph with one scale per weight tensor.
        height: Of the input; None leaves it free.
        width: Of the input; None leaves it free.

    Raises:
        InputError: The graph is float, or a size is not positive.
        UnsupportedError: Weights have a scale per channel, or an op has no uint8 form.
        VerificationError: It breaks a rule of TFLite's specification.
    """
    _refuse_float(graph)
    return _checked(with_size(as_uint8(graph), height, width))


def _refuse_float(graph: Graph) -> None:
    if not graph.is_quantized:
        raise InputError("is float; expected a quantized graph", where=graph.name, hint="run `sr2tflite ptq` first")
    real = [name for name in graph.inputs if graph.tensors[name].quant is None]
    if real:
        raise UnsupportedError(
            "is real beside activations that are rounded: a simulation (placement: paper), which no device computes",
            where=real[0],
            hint="quantize with placement: tflite",
        )


def _checked(graph: Graph) -> Graph:
    check_integers(graph)
    return graph


def prepare_float(graph: Graph, *, height: int | None, width: int | None) -> Graph:
    """The float graph in pixel units, exactly as it will stand in the file.

    Raises:
        InputError: The graph is quantized, or a size is not positive.
        UnsupportedError: An op cannot be brought to pixel units.
    """
    if graph.is_quantized:
        raise InputError("is quantized; expected a float graph", where=graph.name, hint="give the deploy.onnx")
    return with_size(clip_before_shuffle(to_pixel_units(graph)), height, width)
