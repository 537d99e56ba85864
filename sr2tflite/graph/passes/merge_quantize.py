"""QUANTIZE that changes nothing, and pairs of them of which the first loses nothing."""

from dataclasses import replace

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.graph.passes.rewritten import Rewritten, bypass, only_maker
from sr2tflite.numerics.qparams import LIMITS


def merge_quantize(graph: Graph) -> Rewritten:
    """A copy without QUANTIZE between equal types, scales and zero points, and with one where two follow each other.

    Two become one where the first only moves all codes by the same step into another type of as many bits, so that
    every ``q − z`` stays: the second then sees the same differences at the same scale. Exact.
    """
    result, places = graph.copy(), []
    for node in [node for node in graph.nodes if isinstance(node.op, ops.Quantize)]:
        first = result.producer(_current(result, node).inputs[0])
        if first is not None and _is_shift(result, first) and only_maker(result, first.output) is first:
            places.append(first.output)
            result.nodes[result.nodes.index(_current(result, node))] = replace(node, inputs=first.inputs)
            result.nodes.remove(first)
        if _drop(result, _current(result, node)):
            places.append(node.output)
    result.drop_unused()
    return Rewritten(result, tuple(places))


def _current(graph: Graph, node: Node) -> Node:
    found = graph.producer(node.output)
    assert found is not None
    return found


def _is_shift(graph: Graph, node: Node) -> bool:
    """Whether a QUANTIZE keeps every difference from the zero point, and the type's ends."""
    if not isinstance(node.op, ops.Quantize):
        return False
    x, y = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    if x.quant is None or y.quant is None or x.quant.scale != y.quant.scale or len(x.quant.scale) != 1:
        return False
    ends = [tuple(end - zero for end in LIMITS[t.dtype]) for t, zero in _with_zero(x, y)]
    return ends[0] == ends[1]


def _with_zero(*tensors: Tensor) -> list[tuple[Tensor, int]]:
    return [(tensor, tensor.quant.zero_point[0]) for tensor in tensors if tensor.quant is not None]


def _drop(graph: Graph, node: Node) -> bool:
    """Take away a QUANTIZE between equal grids; False where it does something, or stands between the file's ends."""
    source = node.inputs[0]
    x, y = graph.tensors[source], graph.tensors[node.output]
    if x.quant is None or (x.quant, x.dtype) != (y.quant, y.dtype):
        return False
    if only_maker(graph, source) is not None:
        bypass(graph, node, source)
        return True
    if node.output in graph.outputs:
        return False
    graph.nodes.remove(node)
    graph.nodes = [
        replace(one, inputs=tuple(source if name == node.output else name for name in one.inputs))
        for one in graph.nodes
    ]
    return True
