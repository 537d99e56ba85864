"""Clips that change no code of a quantized graph: the saturation of what is before them does the same."""

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.graph.passes.rewritten import Rewritten, bypass, only_maker
from sr2tflite.numerics.qparams import LIMITS


def drop_idle_clips(graph: Graph) -> Rewritten:
    """A copy without RELU, MINIMUM and MAXIMUM whose bound is the end of the codes, at equal scale and zero point.

    ``max(q, z) = q`` for all q where z is the lowest code; ``min(q, c) = q`` where every c is the highest one,
    ``max(q, c) = q`` where every c is the lowest. Exact.
    """
    result, places = graph.copy(), []
    for node in list(graph.nodes):
        if not _is_idle(result, node):
            continue
        (x,) = result.activations(node)
        if only_maker(result, x.name) is not None:
            bypass(result, node, x.name)
            places.append(node.output)
    result.drop_unused()
    return Rewritten(result, tuple(places))


def _is_idle(graph: Graph, node: Node) -> bool:
    if not isinstance(node.op, ops.Relu | ops.Minimum | ops.Maximum) or len(graph.activations(node)) != 1:
        return False
    (x,), output = graph.activations(node), graph.tensors[node.output]
    if x.quant is None or (x.quant, x.dtype, x.shape) != (output.quant, output.dtype, output.shape):
        return False
    lowest, highest = LIMITS[x.dtype]
    if isinstance(node.op, ops.Relu):
        return x.quant.zero_point == (lowest,)
    end = highest if isinstance(node.op, ops.Minimum) else lowest
    return all(_is_all(graph.tensors[name], end) for name in node.inputs if name != x.name)


def _is_all(tensor: Tensor, code: int) -> bool:
    return tensor.data is not None and bool((tensor.data == code).all())
