"""A skip from the first convolution to the last, carried by exact copies of the pixels instead of features."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.graph.passes.pixel_units import PIXEL_RANGE
from sr2tflite.graph.passes.rewritten import Declined, only_maker, only_reader

WHITE = PIXEL_RANGE[1]
COPIES, JOINED, WEIGHT = ".pixels", ".joined", ".joined_weight"
"""What is put after the names of the first convolution, of the sum and of the last convolution."""


@dataclass(frozen=True)
class Lifted:
    """A graph whose skips are copies of pixels."""

    graph: Graph
    sums: frozenset[str] = frozenset()
    """The sums that are gone."""

    copies: frozenset[str] = frozenset()
    """What holds nothing but moved pixels, and white."""

    declined: tuple[Declined, ...] = ()
    """Sums with the first convolution in them that stay, and why."""


def lift_skips(graph: Graph) -> Lifted:
    """The same float function, with each ``W·(trunk + stem(x))`` as ``[W, W·V]·[trunk, pixels(x)]``.

    ``stem(x) = V·pixels(x)``: ``pixels`` is a convolution of zeros and ones that moves the pixels of the stem's window
    into ``k²·C`` channels, and a white one where the stem has a bias. Its codes *are* pixels, so that what the skip
    carries is exact, where features are rounded twice, as stem and as sum. Exact in ℝ, borders included: both forms
    have zeros around the same tensors. The last convolution reads ``k²·C + 1`` channels more; ADD becomes
    CONCATENATION.

    The trunk must end in a fused ReLU that only the sum reads, so that it can have the grid of pixels.

    Args:
        graph: A float graph in pixel units.
    """
    result, sums, copies, declined = graph.copy(), set[str](), set[str](), []
    for total in [node for node in graph.nodes if isinstance(node.op, ops.Add)]:
        stem = next((node for name in total.inputs if (node := _stem(graph, name)) is not None), None)
        if stem is None:
            continue
        if (reason := _refusal(graph, total, stem)) is None:
            copies.add(_lift(result, total, stem))
            sums.add(total.output)
        else:
            declined.append(Declined(total.output, reason))
    result.drop_unused()
    return Lifted(result, frozenset(sums), frozenset(copies), tuple(declined))


def _stem(graph: Graph, name: str) -> Node | None:
    """The convolution of the graph's input without activation that writes a tensor."""
    node = graph.producer(name)
    return node if node is not None and node.inputs[0] in graph.inputs and _is_linear(graph, node) else None


def _is_linear(graph: Graph, node: Node) -> bool:
    """Whether a node is a convolution of one group with no activation."""
    if not isinstance(node.op, ops.Conv2D) or node.op.activation != "NONE":
        return False
    return graph.tensors[node.inputs[1]].channels == graph.tensors[node.inputs[0]].channels


def _refusal(graph: Graph, total: Node, stem: Node) -> str | None:
    """Why the skip into a sum cannot be lifted."""
    trunk = _trunk(total, stem)
    writer, last = only_maker(graph, trunk), only_reader(graph, total.output)
    if writer is None or not isinstance(writer.op, ops.Conv2D) or writer.op.activation != "RELU":
        return f"{trunk} is not what a convolution with a fused ReLU writes for the sum alone"
    if graph.tensors[trunk].channels != graph.tensors[stem.output].channels:
        return f"{trunk} and {stem.output} differ in channels"
    if getattr(total.op, "activation", "NONE") != "NONE" or last is None or not _is_linear(graph, last):
        return "not one convolution of one group reads the sum as it is"
    return None


def _trunk(total: Node, stem: Node) -> str:
    first, second = total.inputs
    return second if first == stem.output else first


def _lift(graph: Graph, total: Node, stem: Node) -> str:
    """Put one skip's new form into a graph; returns the copies' name."""
    (last,) = graph.consumers(total.output)
    copies, trunk = stem.output + COPIES, graph.tensors[_trunk(total, stem)]
    weight = _joint_weight(graph, stem, last)
    if copies not in graph.tensors:
        graph.nodes.insert(graph.nodes.index(total), _copying(graph, stem, copies))
    joined = graph.add_tensor(Tensor(total.output + JOINED, (*trunk.shape[:3], weight.shape[3]))).name
    inputs = joined, graph.constant(last.output + WEIGHT, weight), last.inputs[2]
    graph.nodes[graph.nodes.index(total)] = Node(ops.Concatenation(), (trunk.name, copies), (joined,))
    graph.nodes[graph.nodes.index(last)] = replace(last, inputs=inputs)
    if not graph.consumers(stem.output):
        graph.nodes.remove(stem)
    return copies


def _copying(graph: Graph, stem: Node, name: str) -> Node:
    """The convolution that moves a window's pixels into channels, white behind them."""
    weight, bias = (_data(graph, constant) for constant in stem.inputs[1:])
    window, white = weight[0].size, int(bias.any())
    copying = np.eye(window + white, window, dtype=np.float32).reshape(-1, *weight.shape[1:])
    level = np.array([0.0] * window + [WHITE] * white, np.float32)
    graph.add_tensor(Tensor(name, (*graph.tensors[stem.output].shape[:3], window + white)))
    constants = graph.constant(f"{name}.weight", copying), graph.constant(f"{name}.bias", level)
    return Node(stem.op, (stem.inputs[0], *constants), (name,))


def _joint_weight(graph: Graph, stem: Node, last: Node) -> NDArray[np.float32]:
    """``[W, W·V, W·b/255]`` along the input channels."""
    weight, (first, bias) = _data(graph, last.inputs[1]), (_data(graph, name) for name in stem.inputs[1:])
    columns = first.reshape(len(first), -1)
    if bias.any():
        columns = np.concatenate([columns, bias[:, None] / WHITE], axis=1)
    joint: NDArray[np.float32] = np.concatenate([weight, weight @ columns], axis=3).astype(np.float32)
    return joint


def _data(graph: Graph, name: str) -> NDArray[np.float64]:
    data: NDArray[Any] | None = graph.tensors[name].data
    assert data is not None
    return data.astype(np.float64)
