"""Another order of a tensor's channels, made where they come from: exact, and free in the file.

The order goes back through everything that works channel by channel to the convolutions, whose output channels it
reorders: weights, biases and, with one for each channel, their scales.
"""

from dataclasses import replace

import numpy as np

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node
from sr2tflite.graph.movement import Order
from sr2tflite.numerics.qparams import QuantParams

_POINTWISE = (*ops.ELEMENTWISE, ops.Quantize, ops.Dequantize)


def obstacle(graph: Graph, tensor: str, channels: int) -> str | None:
    """What keeps a tensor's channels from being reordered at their source; None where nothing does."""
    node = graph.producer(tensor)
    if node is None:
        return f"{tensor} is the network's input"
    if len(graph.consumers(tensor)) != 1:
        return f"{tensor} is read by {len(graph.consumers(tensor))} ops"
    if any(len(graph.consumers(name)) != 1 for name in _ordered_constants(graph, node, channels)):
        return f"another op reads a constant of {tensor}'s"
    if isinstance(node.op, ops.Conv2D):
        is_grouped = graph.tensors[node.inputs[1]].shape[3] != graph.tensors[node.inputs[0]].channels
        return f"{tensor} is a grouped convolution" if is_grouped else None
    if not isinstance(node.op, _POINTWISE):
        return f"{getattr(node.op, 'name', node.op.kind)} {tensor} mixes or copies channels"
    for source in graph.activations(node):
        if source.channels != channels:
            return f"{tensor} is broadcast from {source.channels} channels"
        if (found := obstacle(graph, source.name, channels)) is not None:
            return found
    return None


def reorder_channels(graph: Graph, tensor: str, order: Order) -> None:
    """Let channel i of a tensor be what channel ``order[i]`` was; only where there is no ``obstacle``.

    Args:
        graph: Changed in place.
        tensor: Its name.
        order: A permutation of its channels.
    """
    node = graph.producer(tensor)
    assert node is not None
    is_conv = isinstance(node.op, ops.Conv2D)
    for name in _ordered_constants(graph, node, len(order)):
        _reorder_constant(graph, name, order, 0 if is_conv else -1)
    for source in () if is_conv else {one.name: one for one in graph.activations(node)}:
        reorder_channels(graph, source, order)


def _ordered_constants(graph: Graph, node: Node, channels: int) -> list[str]:
    """The constants of a node that have a value for each channel."""
    if isinstance(node.op, ops.Conv2D):
        return list(node.inputs[1:])
    constants = (graph.tensors[name] for name in dict.fromkeys(node.inputs))
    return [one.name for one in constants if one.is_constant and one.shape and one.channels == channels]


def _reorder_constant(graph: Graph, name: str, order: Order, axis: int) -> None:
    tensor = graph.tensors[name]
    assert tensor.data is not None
    quant = tensor.quant
    if quant is not None and len(quant.scale) > 1:
        quant = _reordered(quant, order)
    graph.update(name, data=np.ascontiguousarray(tensor.data.take(order, axis)), quant=quant)


def _reordered(quant: QuantParams, order: Order) -> QuantParams:
    scale, zero_point = ([values[int(index)] for index in order] for values in (quant.scale, quant.zero_point))
    return replace(quant, scale=tuple(scale), zero_point=tuple(zero_point))
