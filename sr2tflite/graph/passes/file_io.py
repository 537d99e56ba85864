"""What a quantized file takes and gives: int8, uint8 or float32 pixels."""

from typing import Literal

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.numerics.qparams import QuantParams

FileIO = Literal["int8", "uint8", "float32"]

INT8_PIXELS = QuantParams((1.0,), (-128,))
"""Codes are pixels − 128."""

UINT8_PIXELS = QuantParams((1.0,), (0,))
"""Codes are pixels."""


def with_io(graph: Graph, io: FileIO) -> Graph:
    """A copy of a quantized graph whose ends have another type.

    int8 adds nothing; uint8 adds a QUANTIZE at each end, which only shifts by 128; float32 adds a QUANTIZE at the
    start and a DEQUANTIZE at the end. The int8 tensors inside keep their names; the new ends add the type to them.

    Raises:
        UnsupportedError: The graph's own ends are not int8 pixels − 128, so raw pixels in would not be raw pixels out.
    """
    for tensor in (graph.input, graph.output):
        if (tensor.dtype, tensor.quant) != ("int8", INT8_PIXELS):
            raise UnsupportedError(
                f"is {tensor.dtype} with {tensor.quant}; expected int8 with scale 1 and zero point -128",
                where=tensor.name,
                hint="quantize the model with its ends fixed to raw pixels",
            )
    result = graph.copy()
    if io != "int8":
        _replace_input(result, _end(graph.input, io))
        _replace_output(result, _end(graph.output, io))
    return result


def without_io(graph: Graph) -> Graph:
    """A copy of a file's graph without the QUANTIZE and DEQUANTIZE that ``with_io`` puts at its ends.

    Those of int16 islands stay.
    """
    result = graph.copy()
    first, last = graph.nodes[0], graph.nodes[-1]
    if (
        isinstance(first.op, ops.Quantize)
        and first.inputs == graph.inputs
        and graph.tensors[first.output].dtype != "int16"
        and len(graph.consumers(graph.inputs[0])) == 1
    ):
        result.nodes.remove(first)
        result.inputs = first.outputs
    is_end = isinstance(last.op, ops.Quantize | ops.Dequantize) and last.outputs == graph.outputs
    if is_end and graph.tensors[last.inputs[0]].dtype != "int16":
        result.nodes.remove(last)
        result.outputs = last.inputs
    result.drop_unused()
    return result


def _end(inner: Tensor, io: FileIO) -> Tensor:
    return Tensor(f"{inner.name}_{io}", inner.shape, io, UINT8_PIXELS if io == "uint8" else None)


def _replace_input(graph: Graph, end: Tensor) -> None:
    graph.nodes.insert(0, Node(ops.Quantize(), (end.name,), graph.inputs))
    graph.inputs = (graph.add_tensor(end).name,)


def _replace_output(graph: Graph, end: Tensor) -> None:
    op = ops.Quantize() if end.quant is not None else ops.Dequantize()
    graph.append(op, graph.outputs, end)
    graph.outputs = (end.name,)
