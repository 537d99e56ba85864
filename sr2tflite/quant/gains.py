"""Gains that change nothing in the float function: which channels may have one, and how it goes into the weights."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Graph, Node, ops

Channels = NDArray[np.float64]

_SUMS = (ops.Add, ops.Sub)
_BENDS = (ops.Relu, ops.PRelu, ops.LeakyRelu)


def gain_sets(graph: Graph, copies: Collection[str] = ()) -> list[set[str]]:
    """Activations whose channels may be given gains: those that lie between convolutions, with only such ops between.

    A positive gain per channel passes through RELU, PRELU, LEAKY_RELU, ADD and SUB:
    ``W₂·relu(W₁x + b₁) = (W₂/a)·relu(a·(W₁x + b₁))``. Tensors of one set meet in such an op and share their gains. What
    is joined with others along the channels keeps its own.

    Args:
        graph: A float graph.
        copies: Activations that hold pixels only, whose codes a gain would make something else of; no set has one.
    """
    free = [members for members in _meeting(graph) if members.isdisjoint(copies)]
    return [members for members in free if all(_passes_gains(graph, name) for name in members)]


def _meeting(graph: Graph) -> list[set[str]]:
    """Activations in sets: those that a gain passes between together."""
    sets: dict[str, set[str]] = {name: {name} for node in graph.nodes for name in node.outputs}
    for node in graph.nodes:
        if _carries_gains(graph, node):
            names = [tensor.name for tensor in graph.activations(node)]
            united = set().union(*(sets.get(name, {name}) for name in (*names, node.output)))
            sets.update(dict.fromkeys(united, united))
    return list({id(members): members for members in sets.values()}.values())


def _passes_gains(graph: Graph, name: str) -> bool:
    """Whether a tensor lies between convolutions and ops that gains pass through only."""
    producer, readers = graph.producer(name), graph.consumers(name)
    if producer is None or name in graph.outputs or not readers:
        return False
    is_written_so = isinstance(producer.op, ops.Conv2D) or _carries_gains(graph, producer)
    return is_written_so and all(_reads_gains(graph, node) for node in readers)


def _reads_gains(graph: Graph, node: Node) -> bool:
    if isinstance(node.op, ops.Conv2D):
        return graph.tensors[node.inputs[1]].channels == graph.tensors[node.inputs[0]].channels  # one group
    if isinstance(node.op, ops.Concatenation):
        readers = graph.consumers(node.output)
        is_last = node.output in graph.outputs or not all(isinstance(reader.op, ops.Conv2D) for reader in readers)
        return not is_last and all(_reads_gains(graph, reader) for reader in readers)
    return _carries_gains(graph, node)


def joined(graph: Graph, name: str) -> tuple[str, ...]:
    """The tensors whose channels a tensor holds: those that CONCATENATION joins, or itself."""
    node = graph.producer(name)
    return node.inputs if node is not None and isinstance(node.op, ops.Concatenation) else (name,)


def _carries_gains(graph: Graph, node: Node) -> bool:
    """Whether a gain on what an op reads is the same gain on what it writes."""
    if isinstance(node.op, _SUMS):
        channels = {graph.tensors[name].shape[-1:] for name in (*node.inputs, node.output)}
        return len(channels) == 1 and not any(graph.tensors[name].is_constant for name in node.inputs)
    return isinstance(node.op, _BENDS)


def apply_gain(graph: Graph, members: set[str], gain: Channels) -> None:
    """Enlarge the channels of some activations, in the weights that write and read them.

    Exact in ℝ; one rounding of float32 per constant.
    """
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv2D):
            weight, bias = node.inputs[1:]
            parts = joined(graph, node.inputs[0])
            if not members.isdisjoint(parts):
                read = [gain if part in members else np.ones(graph.tensors[part].channels) for part in parts]
                _multiply(graph, weight, 1 / np.concatenate(read))
            if node.output in members:
                _multiply(graph, weight, gain[:, None, None, None])
                _multiply(graph, bias, gain)


def _multiply(graph: Graph, name: str, factor: Channels) -> None:
    data = graph.tensors[name].data
    assert data is not None
    graph.update(name, data=(data * factor).astype(np.float32))
