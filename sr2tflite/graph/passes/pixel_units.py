"""From a graph that works in 0…1 to the same graph in pixel units, 0…255."""

from dataclasses import replace

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor

PIXEL_RANGE = (0.0, 255.0)
"""Black and white in pixel units."""

_ADDED_CONSTANTS = (ops.Add, ops.Sub, ops.Minimum, ops.Maximum)
_AFFINE = (ops.Conv2D, ops.DepthwiseConv2D)
_UNCHANGED = (ops.Concatenation, ops.Relu, ops.PRelu, ops.LeakyRelu, ops.DepthToSpace, ops.ResizeNearestNeighbor)


def to_pixel_units(graph: Graph) -> Graph:
    """The float graph whose values are 255 times as large; a graph in 0…255 already is copied.

    ``f₂₅₅(x) = 255 · f₁(x / 255)``. For an op that is positively homogeneous, ``op(255·x) = 255·op(x)``, so only what
    is *added* changes: biases and constants of ADD, SUB, MINIMUM and MAXIMUM become 255 times as large. RELU_0_TO_1
    becomes RELU and MINIMUM 255. One rounding of float32 per constant.

    Raises:
        UnsupportedError: The value range is neither 0…1 nor 0…255, or an op is not positively homogeneous.
    """
    if graph.value_range == PIXEL_RANGE:
        return graph.copy()
    if graph.value_range != (0.0, 1.0):
        raise UnsupportedError(f"value range {graph.value_range}; expected (0, 1) or (0, 255)", where=graph.name)
    result = replace(graph, tensors=dict(graph.tensors), nodes=[], metadata=dict(graph.metadata))
    scaled: dict[str, str] = {}
    for node in graph.nodes:
        _rewrite(result, node, scaled)
    result.value_range = PIXEL_RANGE
    result.drop_unused()
    return result


def _rewrite(graph: Graph, node: Node, scaled: dict[str, str]) -> None:
    """Put ``node`` in pixel units at the end of ``graph``."""
    op = node.op
    bounded = getattr(op, "activation", "NONE") not in ("NONE", "RELU")
    if isinstance(op, _AFFINE) and not bounded:
        bias = _scaled(graph, node.inputs[2], scaled)
        graph.nodes.append(replace(node, inputs=(*node.inputs[:2], bias)))
    elif isinstance(op, _ADDED_CONSTANTS) and not bounded:
        inputs = tuple(_scaled(graph, name, scaled) for name in node.inputs)
        graph.nodes.append(replace(node, inputs=inputs))
    elif isinstance(op, ops.Relu0To1):
        _append_clip(graph, node)
    elif isinstance(op, _UNCHANGED):
        graph.nodes.append(node)
    else:
        kind = getattr(op, "name", f"{op.kind} with {getattr(op, 'activation', 'NONE')}" if bounded else op.kind)
        raise UnsupportedError(
            f"op {kind} does not scale with its input, so a 0…1 graph with it has no form in pixel units",
            where=node.outputs[0],
            hint="train the network on 0…255, or leave this op out",
        )


def _scaled(graph: Graph, name: str, scaled: dict[str, str]) -> str:
    """The name of the constant that is 255 times ``name``; an activation's own name."""
    tensor = graph.tensors[name]
    if tensor.data is None:
        return name
    if name not in scaled:
        scaled[name] = graph.constant(f"{name}_in_pixels", tensor.data * np.float32(PIXEL_RANGE[1]))
    return scaled[name]


def _append_clip(graph: Graph, node: Node) -> None:
    source, rectified = graph.tensors[node.inputs[0]], f"{node.output}_rectified"
    graph.append(ops.Relu(), node.inputs, Tensor(rectified, source.shape))
    white = graph.constant(f"{node.output}_white", np.array([PIXEL_RANGE[1]], np.float32))
    graph.nodes.append(Node(ops.Minimum(), (rectified, white), node.outputs))
