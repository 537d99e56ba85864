"""Graphs with what other converters write in place of DEPTH_TO_SPACE."""

from dataclasses import replace

import numpy as np

from sr2tflite.graph import Graph, Node, Tensor, ops
from sr2tflite.numerics.qparams import QuantParams

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
    result = graph.copy()
    (shuffle,) = (node for node in graph.nodes if isinstance(node.op, ops.DepthToSpace))
    source, output, block = graph.tensors[shuffle.inputs[0]], graph.output, shuffle.op.block_size
    result.nodes.remove(shuffle)
    del result.tensors[output.name]
    if wide is not None:
        source = result.update(source.name, quant=wide)
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
