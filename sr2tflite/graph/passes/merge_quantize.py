"""QUANTIZE that changes nothing, and pairs of them of which the first loses nothing."""

from dataclasses import replace

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.graph.passes.rewritten import Rewritten, only_maker, take_away
from sr2tflite.numerics.qparams import LIMITS


def merge_quantize(graph: Graph) -> Rewritten:
    """A copy without QUANTIZE between equal types, scales and zero points, and with one where two follow each other.

    Two become one where the first only moves all codes by the same step into another type of as many bits, so that
    every ``q − z`` stays, and the second keeps the scale. Exact. One that rescales stays behind the other: XNNPACK
    rescales within a type, a builtin kernel from one to the other, and they round differently.
    """
    result, places = graph.copy(), []
    for node in [node for node in graph.nodes if isinstance(node.op, ops.Quantize)]:
        first = result.producer(_current(result, node).inputs[0])
        if first is not None and _are_mergeable(result, first, node) and only_maker(result, first.output) is first:
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


def _are_mergeable(graph: Graph, first: Node, second: Node) -> bool:
    """Whether a QUANTIZE keeps every difference from the zero point, and the type's ends; and the next the scale."""
    if not isinstance(first.op, ops.Quantize):
        return False
    tensors = [graph.tensors[name] for name in (first.inputs[0], first.output, second.output)]
    scales = {tensor.quant.scale for tensor in tensors if tensor.quant is not None}
    if len(scales) != 1 or None in [tensor.quant for tensor in tensors] or len(next(iter(scales))) != 1:
        return False
    ends = [tuple(end - zero for end in LIMITS[t.dtype]) for t, zero in _with_zero(*tensors[:2])]
    return ends[0] == ends[1]


def _with_zero(*tensors: Tensor) -> list[tuple[Tensor, int]]:
    return [(tensor, tensor.quant.zero_point[0]) for tensor in tensors if tensor.quant is not None]


def _drop(graph: Graph, node: Node) -> bool:
    """Take away a QUANTIZE between equal grids; False where it does something, or stands between the file's ends."""
    source = node.inputs[0]
    x, y = graph.tensors[source], graph.tensors[node.output]
    if x.quant is None or (x.quant, x.dtype) != (y.quant, y.dtype):
        return False
    if graph.producer(source) is None and node.output in graph.outputs:
        return False
    take_away(graph, node)
    return True
