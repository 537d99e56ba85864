"""Dropping the final clip to the value range: a quantized output saturates there by itself."""

from dataclasses import replace

import numpy as np

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node


def absorb_clip(graph: Graph) -> Graph:
    """A copy without the clips at the end of the graph, for an output whose codes span exactly the value range.

    Removed are, in any number and order, before or after DEPTH_TO_SPACE: RELU (fused or alone) and MAXIMUM with black,
    MINIMUM with white, RELU_0_TO_1 where the range is 0…1. Each is the identity inside the range and sends what is
    outside to the nearer end, which saturation does as well: exact on the quantized graph, *not* on the float one.
    """
    result = graph.copy()
    name = result.output.name
    while (node := _only_producer(result, name)) is not None:
        if _is_clip(result, node) and _only_producer(result, _subject(result, node)) is not None:
            _remove(result, node)
        elif isinstance(node.op, ops.DepthToSpace):
            name = node.inputs[0]
        else:
            _drop_fused_relu(result, node)
            break
    result.drop_unused()
    return result


def _only_producer(graph: Graph, name: str) -> Node | None:
    """The node that writes ``name``, if nothing but the tail reads it."""
    readers = len(graph.consumers(name)) + graph.outputs.count(name)
    return graph.producer(name) if readers == 1 else None


def _subject(graph: Graph, node: Node) -> str:
    """The activation a clip works on."""
    return graph.activations(node)[0].name


def _is_clip(graph: Graph, node: Node) -> bool:
    black, white = graph.value_range
    match node.op:
        case ops.Relu():
            return black == 0
        case ops.Relu0To1():
            return (black, white) == (0, 1)
        case ops.Minimum():
            return _compares_with(graph, node, white)
        case ops.Maximum():
            return _compares_with(graph, node, black)
        case _:
            return False


def _compares_with(graph: Graph, node: Node, value: float) -> bool:
    constants = [graph.tensors[name].data for name in node.inputs if graph.tensors[name].is_constant]
    return len(constants) == 1 and bool(np.all(constants[0] == np.float32(value)))


def _remove(graph: Graph, clip: Node) -> None:
    """Let the clip's producer write the clip's output."""
    subject = _subject(graph, clip)
    producer = graph.producer(subject)
    assert producer is not None
    graph.nodes.remove(clip)
    graph.nodes[graph.nodes.index(producer)] = replace(producer, outputs=clip.outputs)


def _drop_fused_relu(graph: Graph, node: Node) -> None:
    if getattr(node.op, "activation", "NONE") == "RELU" and graph.value_range[0] == 0:
        plain = replace(node.op, activation="NONE")  # type: ignore[call-arg]
        graph.nodes[graph.nodes.index(node)] = replace(node, op=plain)
