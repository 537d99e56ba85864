"""What TFLiteConverter cannot carry, asked before it is run: a graph that is right, and would come out otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sr2tflite.graph import Graph, Node, Tensor, ops
from sr2tflite.numerics.qparams import LARGEST_BIAS_CODE, LIMITS, WEIGHT_LIMIT, QuantParams


@dataclass(frozen=True)
class Declined:
    """A graph that this road cannot carry, and why."""

    where: str
    reason: str


def declined(graph: Graph) -> Declined | None:
    """The first thing in a graph that would not come out as it went in; None where all of it does."""
    return next(_faults(graph), None)


def _faults(graph: Graph) -> Iterator[Declined]:
    for node in graph.nodes:
        if fault := _op_fault(graph, node):
            yield Declined(node.output, fault)
    if graph.is_quantized:
        yield from _islands(graph)
        weights = {node.inputs[1] for node in graph.nodes if _is_conv(node)}
        for tensor in graph.tensors.values():
            if fault := _bias_fault(tensor) or _scale_fault(tensor, tensor.name in weights):
                yield Declined(tensor.name, fault)


def _islands(graph: Graph) -> Iterator[Declined]:
    for tensor in graph.tensors.values():
        if tensor.dtype == "int16":
            yield Declined(tensor.name, "is int16 beside int8 ones; the converter gives all activations one type")


def _is_conv(node: Node) -> bool:
    return isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D)


def _op_fault(graph: Graph, node: Node) -> str | None:
    match node.op:
        case ops.PRelu() if graph.is_quantized:
            return "the converter drops the scale of PRELU's slopes and computes it in float"
        case ops.Relu0To1():
            return "the converter splits RELU_0_TO_1 into MINIMUM and RELU"
        case ops.Tanh() if graph.is_quantized:
            return "the converter writes QUANTIZE in place of TANH"
        case ops.SpaceToDepth():
            return "onnx2tf gives SPACE_TO_DEPTH a block of 1"
        case ops.Conv2D():
            weight, x = graph.tensors[node.inputs[1]], graph.tensors[node.inputs[0]]
            if weight.channels == 1 < x.channels:
                return "the converter makes DEPTHWISE_CONV_2D of a CONV_2D with one channel a group"
    return None


def _bias_fault(tensor: Tensor) -> str | None:
    if tensor.dtype != "int32" or tensor.data is None:
        return None
    largest = int(np.abs(tensor.data.astype(np.int64)).max())
    fits = largest <= LARGEST_BIAS_CODE
    return None if fits else f"holds code {largest}; float32 carries codes to {LARGEST_BIAS_CODE}"


def _scale_fault(tensor: Tensor, is_weight: bool) -> str | None:
    """The converter computes ``s = (max − min) / steps`` from range ends that were rounded to float32."""
    if tensor.quant is None or tensor.dtype == "int32":
        return None
    scales = np.asarray(tensor.quant.scale, np.float32)
    low, high = _codes(tensor.quant, tensor.dtype, is_weight)
    ends = (scales * low).astype(np.float64), (scales * high).astype(np.float64)
    moved = np.flatnonzero(((ends[1] - ends[0]) / (high - low)).astype(np.float32) != scales)
    return f"has scale {scales[moved[0]]!r}, which float32 range ends move by one ulp" if moved.size else None


def _codes(quant: QuantParams, dtype: str, is_weight: bool) -> tuple["np.float32", "np.float32"]:
    low, high = (-WEIGHT_LIMIT, WEIGHT_LIMIT) if is_weight and dtype == "int8" else LIMITS[dtype]
    return np.float32(low - quant.zero_point[0]), np.float32(high - quant.zero_point[0])
