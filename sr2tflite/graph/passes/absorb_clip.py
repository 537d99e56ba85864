"""Dropping the final clip to the value range: a quantized output saturates there by itself."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node
from sr2tflite.graph.passes.rewritten import bypass


def absorb_clip(graph: Graph) -> Graph:
    """A copy without the clips at the end of the graph, for an output whose codes span exactly the value range.

    Removed are, in any number and order, before or after DEPTH_TO_SPACE: RELU (fused or alone) and MAXIMUM with black
    or less, MINIMUM with white or more, RELU_0_TO_1 where the range is 0…1. Each is the identity inside the range and
    leaves what is outside on the same side, where saturation sends it to the nearer end: exact on the quantized graph,
    *not* on the float one.
    """
    result = graph.copy()
    name = result.output.name
    while (node := _only_producer(result, name)) is not None:
        if _is_clip(result, node) and _only_producer(result, _subject(result, node)) is not None:
            bypass(result, node, _subject(result, node))
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
            return all((constant >= np.float32(white)).all() for constant in _constants(graph, node))
        case ops.Maximum():
            return all((constant <= np.float32(black)).all() for constant in _constants(graph, node))
        case _:
            return False


def _constants(graph: Graph, node: Node) -> list[NDArray[Any]]:
    """The one constant of a comparison; of two images, one that nothing passes."""
    found = [data for name in node.inputs if (data := graph.tensors[name].data) is not None]
    return found or [np.array(np.nan)]


def _drop_fused_relu(graph: Graph, node: Node) -> None:
    if getattr(node.op, "activation", "NONE") == "RELU" and graph.value_range[0] == 0:
        plain = replace(node.op, activation="NONE")  # type: ignore[call-arg]
        graph.nodes[graph.nodes.index(node)] = replace(node, op=plain)
