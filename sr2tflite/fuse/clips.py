"""Clips in one form, however they were written: RELU before MINIMUM, and the ranges that TFLite has a name for."""

from dataclasses import replace

import numpy as np

from sr2tflite.graph import Graph, Node, ops

_NAMED: dict[float, ops.Op] = {1.0: ops.Relu0To1(), 6.0: ops.Relu6()}
_NOT_NEGATIVE = (ops.Relu, ops.Relu6, ops.Relu0To1)


def _bound(graph: Graph, node: Node) -> tuple[str, set[float]] | None:
    """The constant that a MINIMUM or MAXIMUM compares with, and its values."""
    constants = [name for name in node.inputs if graph.tensors[name].is_constant]
    data = graph.tensors[constants[0]].data if constants else None
    return None if data is None else (constants[0], set(np.unique(data).tolist()))


def _subject(graph: Graph, node: Node) -> str:
    return graph.activations(node)[0].name


def _before(graph: Graph, node: Node) -> Node | None:
    """The node whose only reader this is."""
    name = _subject(graph, node)
    is_free = len(graph.consumers(name)) == 1 and name not in graph.outputs
    return graph.producer(name) if is_free else None


def _put(graph: Graph, old: Node, new: Node) -> None:
    graph.nodes[graph.nodes.index(old)] = new


def _maximum(graph: Graph, node: Node) -> bool:
    """``max(x, 0)`` is RELU."""
    bound = _bound(graph, node)
    if bound is None or bound[1] != {0.0}:
        return False
    _put(graph, node, Node(ops.Relu(), (_subject(graph, node),), node.outputs))
    return True


def _relu(graph: Graph, node: Node) -> bool:
    """``max(min(x, c), 0) = min(max(x, 0), c)`` for c ≥ 0; a RELU of what is not negative is nothing."""
    source = graph.producer(_subject(graph, node))
    if source is not None and isinstance(source.op, _NOT_NEGATIVE):
        _drop(graph, node)
        return True
    before = _before(graph, node)
    if before is None or not isinstance(before.op, ops.Minimum):
        return False
    bound = _bound(graph, before)
    if bound is None or min(bound[1]) < 0:
        return False
    _put(graph, before, Node(ops.Relu(), (_subject(graph, before),), before.outputs))
    _put(graph, node, Node(ops.Minimum(), (before.output, bound[0]), node.outputs))
    return True


def _minimum(graph: Graph, node: Node) -> bool:
    """``min(max(x, 0), 1)`` and ``min(max(x, 0), 6)`` have names."""
    before, bound = _before(graph, node) if _bound(graph, node) else None, _bound(graph, node)
    if before is None or bound is None or not isinstance(before.op, ops.Relu) or len(bound[1]) != 1:
        return False
    named = _NAMED.get(min(bound[1]))
    if named is None:
        return False
    _put(graph, node, Node(named, before.inputs, node.outputs))
    graph.nodes.remove(before)
    return True


def _drop(graph: Graph, node: Node) -> None:
    """Let everything read what the node reads."""
    source = _subject(graph, node)

    def read(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(source if name == node.output else name for name in names)

    graph.nodes = [replace(other, inputs=read(other.inputs)) for other in graph.nodes if other is not node]
    graph.outputs = read(graph.outputs)


_RULES = {ops.Maximum: _maximum, ops.Relu: _relu, ops.Minimum: _minimum}


def simplify_clips(graph: Graph) -> None:
    """Bring every clip into one form; exact."""
    while any(_RULES[type(node.op)](graph, node) for node in list(graph.nodes) if type(node.op) in _RULES):
        pass
    graph.drop_unused()
