"""Graphs with what other converters write in place of DEPTH_TO_SPACE."""

from dataclasses import replace

import numpy as np
from kit.graphs import PIXELS

from sr2tflite.graph import Graph, Node, Tensor, ops
from sr2tflite.graph.shapes import output_shape
from sr2tflite.numerics.qparams import QuantParams, quantize

WIDE = QuantParams((1.46875,), (-89,))
"""A calibrated range before a clip, wider than the pixels'."""

NARROW = QuantParams((0.4375,), (-100,))
"""One so much narrower that a clip which brings it to the pixels' is rounded twice."""


def with_tail(graph: Graph, *, is_clipped: bool = False, wide: QuantParams | None = None) -> Graph:
    """The DEPTH_TO_SPACE as RESHAPE, TRANSPOSE in six dimensions and RESHAPE, channels in PyTorch's order.

    Args:
        graph: With a fixed size, and one DEPTH_TO_SPACE, whose output is the graph's.
        is_clipped: Whether a MINIMUM with white follows.
        wide: What the shuffled image has before a RELU that brings it to the pixels'.
    """
    result, source, block = without_shuffle(graph, wide)
    output = graph.output
    _, height, width, channels = source.shape
    inner = channels // block**2
    apart = (1, height, width, inner, block, block)
    woven = (1, height, block, width, block, inner)
    whole = (1, height * block, width * block, inner)
    chain = [
        ("apart", ops.Reshape(apart), apart, source.quant),
        ("woven", ops.Transpose((0, 1, 4, 2, 5, 3)), woven, source.quant),
        ("whole", ops.Reshape(whole), whole, source.quant),
    ]
    if wide is not None:
        chain.append(("floored", ops.Relu(), whole, output.quant))
    if is_clipped:
        white = result.constant("white", np.array([127], np.int8), output.quant)
        chain.append(("clipped", ops.Minimum(), whole, output.quant))
    name = source.name
    for kind, op, shape, quant in chain:
        inputs = (name, white) if isinstance(op, ops.Minimum) else (name,)
        last = kind == chain[-1][0]
        name = output.name if last else kind
        result.append(op, inputs, Tensor(name, shape, source.dtype, quant))
    return result


def without_shuffle(graph: Graph, wide: QuantParams | None = None) -> tuple[Graph, Tensor, int]:
    """A copy without its last op, a DEPTH_TO_SPACE; what that reads, perhaps on another grid, and its block."""
    result = graph.copy()
    shuffle = result.nodes.pop()
    del result.tensors[graph.output.name]
    source = result.tensors[shuffle.inputs[0]]
    return result, result.update(source.name, quant=wide or source.quant), shuffle.op.block_size


Link = tuple[ops.Op, QuantParams | None] | tuple[ops.Op, QuantParams | None, float]
"""An op, the grid of what it writes, None for floats, and the level of a clip."""


def chained(graph: Graph, source: Tensor, links: list[Link]) -> Graph:
    """The graph with a chain of ops behind a tensor; the last one's output is the graph's."""
    result, x = graph.copy(), source
    for index, (op, quant, *level) in enumerate(links):
        inputs = (x.name,)
        if level:
            codes = np.float32(level) if quant is None else quantize(np.float32(level), quant, "int8")
            inputs = (x.name, result.constant(f"level{index}", codes, quant))
        name = graph.outputs[0] if index == len(links) - 1 else f"link{index}"
        x = result.append(op, inputs, Tensor(name, (), "float32" if quant is None else "int8", quant))
        x = result.update(name, shape=output_shape(result, result.nodes[-1]))
    return result


def gathered_tail(graph: Graph, wide: QuantParams) -> Graph:
    """As onnx2tf 2 writes PixelShuffle and a clamp: channels in DEPTH_TO_SPACE's order, and clips."""
    result, source, block = without_shuffle(graph, wide)
    order = np.arange(source.channels).reshape(-1, block, block).transpose(1, 2, 0).reshape(-1)
    gather = ops.Gather(tuple(order.tolist()), 3)
    links = [(gather, wide), (ops.DepthToSpace(block), wide), (ops.Relu(), PIXELS), (ops.Minimum(), PIXELS, 255.0)]
    return chained(result, source, links)


def channels_first_tail(graph: Graph) -> Graph:
    """As litert-torch writes them behind a quantized convolution: four dimensions, channels first, floats."""
    result, source, block = without_shuffle(graph)
    _, height, width, channels = source.shape
    inner = channels // block**2
    links = [
        (ops.Transpose((0, 3, 1, 2)), source.quant),
        (ops.Dequantize(), None),
        (ops.Relu(), None),
        (ops.Reshape((inner * block, block, height, width)), None),
        (ops.Transpose((0, 2, 3, 1)), None),
        (ops.Minimum(), None, 255.0),
        (ops.Reshape((inner, block, height, block * width)), None),
        (ops.Transpose((0, 2, 1, 3)), None),
        (ops.Reshape((1, inner, block * height, block * width)), None),
        (ops.Transpose((0, 2, 3, 1)), None),
    ]
    return chained(result, source, links)


def float_island_tail(graph: Graph, wide: QuantParams) -> Graph:
    """As a quantizer leaves them that knows neither DEPTH_TO_SPACE nor MINIMUM: both in floats."""
    result, source, block = without_shuffle(graph, wide)
    shuffle = ops.DepthToSpace(block)
    links = [(ops.Dequantize(), None), (shuffle, None), (ops.Minimum(), None, 255.0), (ops.Quantize(), PIXELS)]
    return chained(result, source, links)


def clamped_tail(graph: Graph, wide: QuantParams) -> Graph:
    """As TinyNeuralNetwork writes them: a clamp at both ends, on one grid."""
    result, source, block = without_shuffle(graph, wide)
    links = [(ops.DepthToSpace(block), wide), (ops.Maximum(), wide, 0.0), (ops.Minimum(), wide, 255.0)]
    return chained(result, source, links)


def with_pads(graph: Graph, shift: int = 0) -> Graph:
    """Every convolution with SAME padding as a PAD and one with VALID, so much more of it before than behind."""
    result = graph.copy()
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv2D) and graph.tensors[node.inputs[1]].shape[1:3] != (1, 1):
            x, kernel = graph.tensors[node.inputs[0]], graph.tensors[node.inputs[1]].shape[1:3]
            around = [(size - 1) * step for size, step in zip(kernel, node.op.dilation, strict=True)]
            pairs = [(total // 2 + shift, total - total // 2 - shift) for total in around]
            paddings = ((0, 0), *pairs, (0, 0))
            name = f"{node.output}.padded"
            sizes = tuple(size and size + sum(pair) for size, pair in zip(x.shape, paddings, strict=True))
            result.add_tensor(replace(x, name=name, shape=sizes))
            place = result.nodes.index(node)
            result.nodes[place] = replace(node, op=replace(node.op, padding="VALID"), inputs=(name, *node.inputs[1:]))
            result.nodes.insert(place, Node(ops.Pad(paddings), (x.name,), (name,)))
    return result
