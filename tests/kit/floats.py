"""Float deploy graphs run in NumPy, in float64; of ops it knows those of ``kit.graphs`` only. Images are NHWC."""

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.interpret.kernels.depth_to_space import depth_to_space

Array = NDArray[np.generic]


def convolve(x: Array, weight_OHWI: Array) -> NDArray[np.float64]:
    """SAME convolution at stride 1."""
    outputs, height, width, _ = weight_OHWI.shape
    top, left = (height - 1) // 2, (width - 1) // 2
    padded = np.pad(x.astype(np.float64), ((0, 0), (top, height - 1 - top), (left, width - 1 - left), (0, 0)))
    acc = np.zeros((*x.shape[:3], outputs))
    for i in range(height):
        for j in range(width):
            window = padded[:, i : i + x.shape[1], j : j + x.shape[2]]
            acc += window @ weight_OHWI[:, i, j].astype(np.float64).T
    return acc


def run_float(graph: Graph, image: Array) -> dict[str, Array]:
    """Every activation of a float graph, by tensor name."""
    values = {graph.input.name: image.astype(np.float64)}
    for node in graph.nodes:
        operands = [values[n] if n in values else graph.tensors[n].data for n in node.inputs]
        result = _float_op(node, operands)
        values[node.output] = np.maximum(result, 0) if getattr(node.op, "activation", "NONE") == "RELU" else result
    return values


def _float_op(node: Node, operands: list[Array]) -> Array:
    match node.op:
        case ops.Conv2D():
            return convolve(operands[0], operands[1]) + operands[2]
        case ops.Add():
            return operands[0] + operands[1]
        case ops.Concatenation():
            return np.concatenate(operands, 3)
        case ops.DepthToSpace(block_size=block):
            return depth_to_space(operands[0], block)
    raise AssertionError(node.op)
