"""What an op's options must say where its activations are int16: which of two kernels runs depends on them."""

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from sr2tflite.graph.model import Graph, Node
from sr2tflite.graph.tflite.flat import FlatTensor

_BIAS_TYPES = {"int32": schema.TensorType.INT32, "int64": 0}
"""int64 is what kernels take where the options say nothing."""


def fill(record: Any, graph: Graph, node: Node) -> None:
    """Ask for the general ADD and SUB, and say that a convolution's biases are int32 where they are."""
    if not node.inputs or graph.tensors[node.inputs[0]].dtype != "int16":
        return
    if node.op.kind in ("ADD", "SUB"):
        record.potScaleInt16 = False
    if node.op.kind == "CONV_2D":
        record.quantizedBiasType = _BIAS_TYPES[graph.tensors[node.inputs[2]].dtype]


def runs_otherwise(record: Any, operands: list[FlatTensor]) -> bool:
    """Whether the options ask for a kernel that the deploy graph has no word for.

    ADD and SUB with ``pot_scale_int16`` shift instead of multiply, where every scale is a power of two; a convolution
    reads int32 biases as int64 unless its options say what they are.
    """
    if not operands or operands[0].type != schema.TensorType.INT16:
        return False
    if getattr(record, "potScaleInt16", False):
        return True
    if not hasattr(record, "quantizedBiasType") or len(operands) < 3:
        return False
    read = record.quantizedBiasType or schema.TensorType.INT64
    return bool(read != operands[2].type)
