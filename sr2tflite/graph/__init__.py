"""The deploy graph: what a phone runs, as tensors and ops, NHWC, before and after quantization.

A student is fused into it, trained with quantization on it, and written from it to ONNX and TFLite; both files are read
back into the same graph. A *float* graph holds float32 tensors only. A *quantized* graph holds int8 activations, int8
weights and int32 biases, each with its quantization parameters, and works in pixel units: values 0…255.
"""

from sr2tflite.graph.model import Graph, Node, Shape, Tensor
from sr2tflite.graph.ops import Op

__all__ = ["Graph", "Node", "Op", "Shape", "Tensor"]
