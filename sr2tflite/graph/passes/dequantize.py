"""The float graph of a quantized one: its integers' real values, without its roundings."""

from sr2tflite.graph.model import Graph
from sr2tflite.numerics.qparams import dequantize


def dequantized(graph: Graph) -> Graph:
    """A float copy of a quantized graph whose constants are the real values ``s · (q − z)`` of its integers.

    Activations are neither rounded nor bounded any more; what the int8 output did by saturating is
    :func:`~sr2tflite.graph.passes.clip_output.with_clipped_output`.
    """
    result = graph.copy()
    for name, tensor in graph.tensors.items():
        data = tensor.data
        if data is not None and tensor.quant is not None:
            data = dequantize(data, tensor.quant)
        result.update(name, dtype="float32", quant=None, data=data)
    return result
