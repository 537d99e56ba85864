"""An activation with outliers in two, up to a breakpoint and beyond it, each on a grid of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor

DENSE, OUTLIER = ".dense", ".outlier"
"""What is put after the names of the two branches' tensors and constants."""


def splittable(graph: Graph) -> list[str]:
    """The activations that can be split: what a convolution with a fused ReLU writes and only convolutions read."""
    return [node.output for node in graph.nodes if _refusal(graph, node) is None]


def limit_of(name: str) -> str:
    """The constant that holds the breakpoint of a split activation."""
    return f"{name}.breakpoint"


def adjacent(graph: Graph, name: str) -> set[str]:
    """What cannot be split as well once an activation is: what its readers write, and what its writer reads."""
    writer = graph.producer(name)
    before = set() if writer is None else {writer.inputs[0]}
    return before | {reader.output for reader in graph.consumers(name)}


def two_branches(graph: Graph, breakpoints: Mapping[str, float]) -> Graph:
    """The same float function, with some activations ``a = relu(W x + b)`` replaced by a sum of two.

    ``a = min(a, bp) + relu(W x + b − bp)``: the convolution that writes a is there twice, once with its bias lowered by
    bp, and so is every convolution ``V a + c`` that reads it: ``(V·min(a, bp) + c) + V·relu(W x + b − bp)``. Exact in ℝ
    for every bp ≥ 0. In integers each branch has codes of its own, and MINIMUM is done by saturation; what is inexact
    is that the two products are rounded to 8 bits before ADD joins them. Twice the work for what writes and reads a.

    References:
        Outlier-Aware Post-Training Quantization for Image Super-Resolution (2025), https://arxiv.org/abs/2511.00682:
        ``PLQ(x) = Q_d(clip(x, ±bp)) + Q_o(x − clip(x, ±bp))``, here of what is never negative.

    Args:
        graph: A float graph.
        breakpoints: bp by the activation's name, in the graph's units.

    Raises:
        UnsupportedError: An activation cannot be split; the message names it.
    """
    result = graph.copy()
    for name, edge in sorted(breakpoints.items(), key=lambda one: _place(graph, one[0])):
        node = result.producer(name)
        if (reason := "is not written by any op" if node is None else _refusal(result, node)) is not None:
            raise UnsupportedError(
                f"{reason}; expected a convolution with a fused ReLU that only convolutions read", where=name
            )
        assert node is not None
        _split(result, node, edge)
    result.drop_unused()
    return result


def _refusal(graph: Graph, node: Node) -> str | None:
    """Why what a node writes cannot be split."""
    if not isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D):
        return f"is written by {node.op.kind}"
    if node.op.activation != "RELU":
        return f"is written with activation {node.op.activation}"
    readers = graph.consumers(node.output)
    others = {reader.op.kind for reader in readers if not isinstance(reader.op, ops.Conv2D | ops.DepthwiseConv2D)}
    if others or not readers or node.output in graph.outputs:
        return f"is read by {', '.join(sorted(others)) or 'no op'}"
    wide = {str(getattr(reader.op, "activation", "NONE")) for reader in readers} - {"NONE", "RELU"}
    return f"is read by a convolution with activation {min(wide)}" if wide else None


def _place(graph: Graph, name: str) -> int:
    """Where in execution order a tensor is written."""
    return next((place for place, node in enumerate(graph.nodes) if node.output == name), -1)


def _split(graph: Graph, writer: Node, edge: float) -> None:
    readers = {id(node) for node in graph.consumers(writer.output)}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node is writer:
            nodes.extend(_written_twice(graph, node, edge))
        elif id(node) in readers:
            nodes.extend(_read_twice(graph, node))
        else:
            nodes.append(node)
    graph.nodes = nodes


def _written_twice(graph: Graph, node: Node, edge: float) -> Iterator[Node]:
    """The writer, its MINIMUM, and the writer of what lies beyond."""
    source, weight, bias = node.inputs
    limit = graph.constant(limit_of(node.output), np.full((1, 1, 1, 1), edge, np.float32))
    lowered = _copied(graph, bias, -edge)
    yield node
    yield Node(ops.Minimum(), (node.output, limit), (_like(graph, node.output, DENSE),))
    outlier = _like(graph, node.output, OUTLIER)
    yield Node(node.op, (source, _copied(graph, weight), lowered), (outlier,))


def _read_twice(graph: Graph, node: Node) -> Iterator[Node]:
    """The reader of both branches, the bias in the first, and the sum."""
    source, weight, bias = node.inputs
    assert isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D)
    linear = replace(node.op, activation="NONE")
    names = _like(graph, node.output, DENSE), _like(graph, node.output, OUTLIER)
    yield Node(linear, (source + DENSE, weight, bias), names[:1])
    yield Node(linear, (source + OUTLIER, _copied(graph, weight), _copied(graph, bias, None)), names[1:])
    yield Node(ops.Add(node.op.activation), names, (node.output,))


def _like(graph: Graph, name: str, ending: str) -> str:
    """An activation of the same shape under another name."""
    return graph.add_tensor(Tensor(name + ending, graph.tensors[name].shape)).name


def _copied(graph: Graph, name: str, added: float | None = 0.0) -> str:
    """A copy of a constant, with something added to it; None makes it zero."""
    data = graph.tensors[name].data
    assert data is not None
    changed = np.zeros_like(data) if added is None else (data + np.float32(added)).astype(data.dtype)
    return graph.constant(f"{name}{OUTLIER}", changed)
