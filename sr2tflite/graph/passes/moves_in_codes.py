"""Moves of floats that were codes, made while they are codes: a quarter of the bytes."""

from dataclasses import replace

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node
from sr2tflite.graph.passes.code_table import is_value_op
from sr2tflite.graph.passes.rewritten import only_maker


def moves_in_codes(graph: Graph) -> Graph:
    """A copy with moves before DEQUANTIZE, and before the clips of floats that stand between.

    ``shuffle(clip(s·(q − z))) = clip(s·(shuffle(q) − z))``: exact where all values are computed alike; the last few of
    a builtin DEQUANTIZE, which no vector takes, may be an ulp off.
    """
    result = graph.copy()
    while (pair := _move_behind_floats(result)) is not None:
        _exchange(result, *pair)
    return result


def _move_behind_floats(graph: Graph) -> tuple[Node, Node] | None:
    for move in graph.nodes:
        if not isinstance(move.op, ops.MOVES):
            continue
        before = only_maker(graph, move.inputs[0])
        if before is not None and _come_of_codes(graph, before) and _fits(graph, before, move):
            return before, move
    return None


def _come_of_codes(graph: Graph, node: Node | None) -> bool:
    """Whether only clips stand between a node and a DEQUANTIZE before it, or it is one."""
    while node is not None and is_value_op(graph, node):
        if isinstance(node.op, ops.Dequantize):
            return True
        node = only_maker(graph, graph.activations(node)[0].name)
    return False


def _fits(graph: Graph, clip: Node, move: Node) -> bool:
    """Whether a clip's level has no more dimensions than what it would clip then."""
    rank = len(graph.tensors[move.output].shape)
    return all(len(graph.tensors[name].shape) <= rank for name in clip.inputs if graph.tensors[name].is_constant)


def _exchange(graph: Graph, before: Node, move: Node) -> None:
    """``source → before → middle → move → out`` becomes ``source → move → middle → before → out``."""
    (source,), (middle,) = graph.activations(before), before.outputs
    graph.update(middle, shape=graph.tensors[move.output].shape, dtype=source.dtype, quant=source.quant)
    inputs = tuple(middle if name == source.name else name for name in before.inputs)
    first, second = graph.nodes.index(before), graph.nodes.index(move)
    graph.nodes[first] = replace(move, inputs=(source.name,), outputs=(middle,))
    graph.nodes[second] = replace(before, inputs=inputs, outputs=move.outputs)
