"""Op versions: the lowest that is right for the types used, because a runtime refuses versions it does not register.

LiteRT's reference kernels, for one, register DEPTH_TO_SPACE 1 only, though int8 files of other tools ask for 2.
"""

from sr2tflite.graph import Graph, Node, ops

_INT8_VERSIONS = {
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "ADD": 2,
    "SUB": 2,
    "MUL": 2,
    "CONCATENATION": 2,
    "RELU": 2,
    "RELU6": 2,
    "MINIMUM": 2,
    "MAXIMUM": 2,
    "LOGISTIC": 2,
    "TANH": 2,
    "RESIZE_NEAREST_NEIGHBOR": 2,
    "DEQUANTIZE": 2,
    "TRANSPOSE_CONV": 2,
    "FULLY_CONNECTED": 4,
    "RESIZE_BILINEAR": 2,
    "MEAN": 2,
    "PAD": 2,
    "PADV2": 2,
    "TRANSPOSE": 2,
    "GATHER": 2,
    "STRIDED_SLICE": 2,
    "SPLIT": 2,
}
"""The version that first knew int8; 1 for the ops that are not here."""

_INT16_VERSIONS = {
    "CONV_2D": 4,
    "DEPTHWISE_CONV_2D": 5,
    "ADD": 3,
    "SUB": 5,
    "MUL": 4,
    "CONCATENATION": 3,
    "RELU": 3,
    "RELU6": 3,
    "LEAKY_RELU": 2,
    "MINIMUM": 4,
    "MAXIMUM": 4,
    "LOGISTIC": 3,
    "TANH": 3,
    "RESIZE_NEAREST_NEIGHBOR": 4,
    "QUANTIZE": 2,
    "DEQUANTIZE": 3,
}
"""The version that first knew int16, with any scales; 1 for the ops that are not here."""

_GROUPED_CONV = 6
_INT4_WEIGHTS = 7
_INT32_BIAS_OF_INT16 = 8


def version(graph: Graph, node: Node) -> int:
    """The version of a node's op."""
    x = graph.tensors[node.inputs[0]]
    if isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D):
        weight, bias = (graph.tensors[name] for name in node.inputs[1:])
        if x.dtype == "int16" and bias.dtype == "int32":
            return _INT32_BIAS_OF_INT16
        if weight.dtype == "int4":
            return _INT4_WEIGHTS
        if isinstance(node.op, ops.Conv2D) and weight.channels != x.channels:
            return _GROUPED_CONV
    if (newer := _attributes_version(node, len(x.shape))) is not None:
        return newer
    if "int16" in (x.dtype, *(graph.tensors[name].dtype for name in node.outputs)):
        return _INT16_VERSIONS.get(node.op.kind, 1)
    if x.dtype == "int32" and isinstance(node.op, ops.Split):
        return 3
    if x.dtype == "int8":
        return _INT8_VERSIONS.get(node.op.kind, 1)
    return 2 if isinstance(node.op, ops.DepthwiseConv2D) and node.op.dilation != (1, 1) else 1


def _attributes_version(node: Node, rank: int) -> int | None:
    """The version that first knew the op's attributes, its rank or its bias; None where the type decides."""
    match node.op:
        case ops.TransposeConv(activation=activation) if activation != "NONE":
            return 4
        case ops.TransposeConv() if len(node.inputs) == 3:
            return 3
        case ops.FullyConnected(keep_num_dims=True):
            return 5
        case ops.ResizeBilinear(half_pixel_centers=True):
            return 3
        case ops.Pad() | ops.PadV2() | ops.StridedSlice() if rank > 4:
            return 4
        case ops.Transpose() if rank > 4:
            return 4 if rank == 5 else 6
    return None
