"""The deploy graph run in plain NumPy: floats to find ranges, integers to say what LiteRT's XNNPACK must give.

Small and slow on purpose; of float ops it knows those of ``kit.graphs`` only. Images are NHWC.
"""

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.numerics import elementwise
from sr2tflite.numerics.requantize import add_params, conv_multipliers, requantize

Array = NDArray[np.generic]


def convolve(x: Array, weight_OHWI: Array) -> NDArray[np.float64]:
    """SAME convolution at stride 1 in float64: exact for integers under 2⁵³."""
    outputs, height, width, _ = weight_OHWI.shape
    top, left = (height - 1) // 2, (width - 1) // 2
    padded = np.pad(x.astype(np.float64), ((0, 0), (top, height - 1 - top), (left, width - 1 - left), (0, 0)))
    acc = np.zeros((*x.shape[:3], outputs))
    for i in range(height):
        for j in range(width):
            window = padded[:, i : i + x.shape[1], j : j + x.shape[2]]
            acc += window @ weight_OHWI[:, i, j].astype(np.float64).T
    return acc


def depth_to_space(x: Array, block: int) -> Array:
    """Order DCR."""
    batch, height, width, channels = x.shape
    out = channels // block**2
    blocks = x.reshape(batch, height, width, block, block, out).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(batch, height * block, width * block, out)


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


def run_int8(graph: Graph, codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """The output codes of a quantized graph, as XNNPACK computes them."""
    values = {graph.input.name: codes}
    for node in graph.nodes:
        values[node.output] = _int8_op(graph, node, values)
    return values[graph.output.name]


def _int8_op(graph: Graph, node: Node, values: dict[str, NDArray[np.int8]]) -> NDArray[np.int8]:
    match node.op:
        case ops.Conv2D():
            return _int8_conv(graph, node, values[node.inputs[0]])
        case ops.Concatenation():
            return np.concatenate([values[name] for name in node.inputs], 3)
        case ops.DepthToSpace(block_size=block):
            return depth_to_space(values[node.inputs[0]], block)
        case ops.ResizeNearestNeighbor(factor=factor):
            return values[node.inputs[0]].repeat(factor, 1).repeat(factor, 2)
        case ops.Minimum() | ops.Maximum():
            a, b = (values[name] if name in values else graph.tensors[name].data for name in node.inputs)
            return np.minimum(a, b) if node.op.kind == "MINIMUM" else np.maximum(a, b)
    scale_out, zero_out = _affine(graph, node.output)
    centered = _elementwise(graph, node, values, scale_out)
    return np.clip(centered + zero_out, _low(node, zero_out), 127).astype(np.int8)


def _elementwise(graph: Graph, node: Node, values: dict[str, NDArray[np.int8]], scale_out: float) -> NDArray[np.int64]:
    """Centered codes, not saturated."""
    operands, scales = [], []
    for name in node.inputs:
        scale, zero_point = _affine(graph, name)
        codes = values[name] if name in values else graph.tensors[name].data
        operands.append(codes.astype(np.int64) - zero_point)
        scales.append(scale)
    match node.op:
        case ops.Relu():
            assert scales == [scale_out]
            return np.maximum(operands[0], 0)
        case ops.Add():
            return elementwise.add(*operands, add_params(*scales, scale_out))
        case ops.Sub():
            return elementwise.add(*operands, elementwise.subtract_params(*scales, scale_out))
        case ops.Mul():
            return elementwise.mul(*operands, elementwise.mul_multiplier(*scales, scale_out))
        case ops.PRelu():
            return elementwise.prelu(*operands, *scales, scale_out)
        case ops.LeakyRelu(alpha=alpha):
            return elementwise.leaky_relu(operands[0], alpha, scales[0], scale_out)
        case ops.Logistic():
            return elementwise.logistic(operands[0], scales[0])
    raise AssertionError(node.op)


def _affine(graph: Graph, name: str) -> tuple[float, int]:
    quant = graph.tensors[name].quant
    return quant.scale[0], quant.zero_point[0]


def _low(node: Node, zero_point: int) -> int:
    return zero_point if getattr(node.op, "activation", "NONE") == "RELU" else -128


def _int8_conv(graph: Graph, node: Node, x: NDArray[np.int8]) -> NDArray[np.int8]:
    (scale_x, zero_x), (scale_out, zero_out) = _affine(graph, node.inputs[0]), _affine(graph, node.output)
    weight, bias = graph.tensors[node.inputs[1]], graph.tensors[node.inputs[2]]
    acc = convolve(x.astype(np.int32) - zero_x, weight.data) + bias.data
    multipliers = conv_multipliers(scale_x, weight.quant.scale, scale_out)
    return requantize(acc.astype(np.int32), multipliers, zero_out, _low(node, zero_out), 127)
