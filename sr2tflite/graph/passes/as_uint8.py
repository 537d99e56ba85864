"""From int8 to uint8: the same integers, 128 higher, for accelerators that were built before TFLite knew int8."""

from dataclasses import replace

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Tensor
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.numerics.qparams import UINT8_SHIFT, QuantParams

SHIFTED = (
    *(ops.Conv2D, ops.DepthwiseConv2D, ops.Add, ops.Sub, ops.Mul, ops.Minimum, ops.Maximum),
    *(ops.Relu, ops.LeakyRelu, ops.PRelu, ops.Logistic),
    *(ops.Concatenation, ops.DepthToSpace, ops.ResizeNearestNeighbor),
)
"""Ops whose uint8 kernels give the int8 kernels' codes + 128 on x86; XNNPACK takes both types or neither."""


def as_uint8(graph: Graph) -> Graph:
    """A copy of an int8 graph whose activations and weights are uint8: codes + 128, zero points + 128.

    Every difference q − z stays, and with it every sum and every multiplier; int32 biases stay as they are. The ends
    become raw pixels (scale 1, zero point 0) without a QUANTIZE. Symmetric weights get zero point 128 and 1…255.

    Equal to the int8 file byte for byte on x86, where XNNPACK rounds both alike (``xnn_qu8_requantize_fp32``); its
    uint8 convolutions for ARM round in fixed point (``rndnu``), which can move an output that lies at a half by a step.

    Args:
        graph: A quantized graph with one scale per weight tensor, its ends int8 pixels − 128.

    Raises:
        UnsupportedError: Weights have a scale per channel, which uint8 kernels do not know; an op is not one of
            ``SHIFTED``; an activation is int16; or the ends are not int8 pixels − 128.
    """
    result = with_io(graph, "int8")
    _refuse_islands(result)
    for node in result.nodes:
        if not isinstance(node.op, SHIFTED):
            allowed = ", ".join(op.kind for op in SHIFTED)
            kind = getattr(node.op, "name", node.op.kind)
            raise UnsupportedError(f"op {kind} has no uint8 form here; expected one of: {allowed}", where=node.output)
    result.tensors = {name: shifted(tensor) for name, tensor in result.tensors.items()}
    return result


def _refuse_islands(graph: Graph) -> None:
    for tensor in graph.tensors.values():
        if tensor.dtype == "int16":
            raise UnsupportedError(
                "is int16; accelerators that know uint8 know 8 bits alone",
                where=tensor.name,
                hint="quantize the model without islands: sr2tflite ptq",
            )


def shifted(tensor: Tensor) -> Tensor:
    """An int8 tensor as uint8; any other one as it is.

    Raises:
        UnsupportedError: It has a scale per channel.
    """
    if tensor.dtype != "int8" or tensor.quant is None:
        return tensor
    if tensor.quant.per_channel:
        raise UnsupportedError(
            f"has {len(tensor.quant.scale)} scales, one per channel; uint8 kernels know one per tensor",
            where=tensor.name,
            hint="quantize the model with one scale per layer: sr2tflite ptq --weights per-tensor",
        )
    quant = QuantParams(tensor.quant.scale, tuple(zero + UINT8_SHIFT for zero in tensor.quant.zero_point))
    data = None if tensor.data is None else (tensor.data.astype(np.int16) + UINT8_SHIFT).astype(np.uint8)
    return replace(tensor, dtype="uint8", quant=quant, data=data)
