"""The ONNX codec: ``write(graph) -> bytes`` and ``read(data, where) -> Graph``, each the other's inverse.

A float graph becomes plain NCHW ONNX in the graph's own value range; a quantized one becomes standard QDQ ONNX, whose
ends are float images in pixel units. Both run in onnxruntime and open in Netron. Equal graphs give equal bytes.
"""

from sr2tflite.graph.onnx.reader import read
from sr2tflite.graph.onnx.writer import write

__all__ = ["read", "write"]
