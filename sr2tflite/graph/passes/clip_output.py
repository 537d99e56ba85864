"""A float graph whose output stays between black and white."""

from dataclasses import replace

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor


def with_clipped_output(graph: Graph) -> Graph:
    """A copy that ends in RELU and MINIMUM white, ``min(max(y, 0), white)``; the output keeps its name.

    Raises:
        UnsupportedError: Black is not 0.
    """
    black, white = graph.value_range
    if black != 0:
        raise UnsupportedError(f"value range {graph.value_range}; expected black to be 0", where=graph.name)
    result, output = graph.copy(), graph.output
    unbounded, rectified = (f"{output.name}_{stage}" for stage in ("unbounded", "rectified"))
    result.add_tensor(replace(output, name=unbounded))
    result.add_tensor(Tensor(rectified, output.shape))
    result.nodes = [_renamed(node, output.name, unbounded) for node in graph.nodes]
    level = result.constant(f"{output.name}_white", np.array([white], np.float32))
    result.nodes.append(Node(ops.Relu(), (unbounded,), (rectified,)))
    result.nodes.append(Node(ops.Minimum(), (rectified, level), (output.name,)))
    return result


def _renamed(node: Node, old: str, new: str) -> Node:
    def swap(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    return replace(node, inputs=swap(node.inputs), outputs=swap(node.outputs))
