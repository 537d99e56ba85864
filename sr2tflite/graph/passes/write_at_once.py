"""RELU and QUANTIZE that change the scale, done by the convolution or sum before them: one rounding instead of two."""

from dataclasses import replace

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node
from sr2tflite.graph.passes.clip_before_shuffle import clips_first
from sr2tflite.graph.passes.rewritten import Rewritten, only_maker

_WRITERS = (ops.Conv2D, ops.DepthwiseConv2D, ops.Add, ops.Sub, ops.Mul)


def write_at_once(graph: Graph) -> Rewritten:
    """A copy where what is rescaled behind a convolution or sum is written at the final scale.

    ``clip(round(round(a·m₁)·m₂))`` becomes ``clip(round(a·m₁·m₂))``, which is nearer to the real value and *not* the
    same byte everywhere: the coarser grid between them is gone.
    """
    result, places = clips_first(graph), []
    # clips that went forward passed their names on, and kept their order
    for node, origin in zip(_rescaling(result), _rescaling(graph), strict=True):
        maker = only_maker(result, node.inputs[0])
        if maker is not None and _is_rescaled(result, node) and _can_write(maker, node):
            activation = "RELU" if isinstance(node.op, ops.Relu) else getattr(maker.op, "activation", "NONE")
            op = replace(maker.op, activation=activation)  # type: ignore[call-arg]
            result.nodes[result.nodes.index(maker)] = replace(maker, op=op, outputs=node.outputs)
            result.nodes.remove(node)
            places.append(origin.output)
    result.drop_unused()
    return Rewritten(result if places else graph.copy(), tuple(places))


def _rescaling(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if isinstance(node.op, ops.Relu | ops.Quantize)]


def _is_rescaled(graph: Graph, node: Node) -> bool:
    x, y = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    return None not in (x.quant, y.quant) and x.dtype == y.dtype and x.quant != y.quant


def _can_write(maker: Node, node: Node) -> bool:
    """A RELU behind one with another bound does not fit into it."""
    if not isinstance(maker.op, _WRITERS):
        return False
    return isinstance(node.op, ops.Quantize) or maker.op.activation in ("NONE", "RELU")
