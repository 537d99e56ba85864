"""Clips before ops that only move values instead of behind them, and RELU inside the op that writes what it bounds."""

from dataclasses import replace

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node
from sr2tflite.graph.passes.rewritten import only_maker

_FUSING = (ops.Conv2D, ops.DepthwiseConv2D, ops.Add, ops.Sub, ops.Mul)


def clip_before_shuffle(graph: Graph) -> Graph:
    """A copy with clips moved to where TFLiteConverter puts them, before what shuffles, and RELU fused.

    Before it a RELU costs nothing, fused into the convolution or sum: there it bounds the codes that they write, which
    on a quantized graph is the same where it does not change scale or zero point; one that does stays.
    """
    result = clips_first(graph)
    for node in [node for node in result.nodes if is_floor(result, node)]:
        _fuse(result, node)
    result.drop_unused()
    return result


def is_floor(graph: Graph, node: Node) -> bool:
    """Whether a node is a RELU, or the MAXIMUM with zero that is the same."""
    if not isinstance(node.op, ops.Maximum) or not _is_clip(graph, node):
        return isinstance(node.op, ops.Relu)
    x, (level,) = (
        graph.activations(node)[0],
        (data for name in node.inputs if (data := graph.tensors[name].data) is not None),
    )
    return bool(level.flat[0] == (0 if x.quant is None else x.quant.zero_point[0]))


def clips_first(graph: Graph) -> Graph:
    """A copy with RELU, MINIMUM and MAXIMUM of one level before DEPTH_TO_SPACE, RESHAPE, TRANSPOSE and GATHER.

    A clip acts value by value and the others only move values: ``clip(shuffle(x)) = shuffle(clip(x))``, exactly, in
    floats and in codes; what is moved then has the scale that the clip writes. So does a QUANTIZE from floats, or
    within a type, that no end of the file waits for.
    """
    result = graph.copy()
    while (pair := _clip_behind_shuffle(result)) is not None:
        _exchange(result, *pair)
    return result


def _clip_behind_shuffle(graph: Graph) -> tuple[Node, Node] | None:
    for node in graph.nodes:
        if not _is_clip(graph, node):
            continue
        shuffle = only_maker(graph, graph.activations(node)[0].name)
        if shuffle is not None and isinstance(shuffle.op, ops.MOVES) and _fits(graph, node, shuffle):
            return shuffle, node
    return None


def _fits(graph: Graph, clip: Node, move: Node) -> bool:
    """Whether the clip's level gives what is moved no further dimension."""
    rank = len(graph.tensors[move.inputs[0]].shape)
    return all(len(graph.tensors[name].shape) <= rank for name in clip.inputs if graph.tensors[name].is_constant)


def _is_clip(graph: Graph, node: Node) -> bool:
    levels = [tensor for name in node.inputs if (tensor := graph.tensors[name]).is_constant]
    if isinstance(node.op, ops.Minimum | ops.Maximum):
        return len(levels) == 1 and all(size == 1 for size in levels[0].shape)
    x, y = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    return isinstance(node.op, ops.Relu) or (
        isinstance(node.op, ops.Quantize) and (x.dtype == "float32" or x.dtype == y.dtype)
    )


def _exchange(graph: Graph, shuffle: Node, clip: Node) -> None:
    """``shuffle → middle → clip → out`` becomes ``clip → middle → shuffle → out``."""
    (source,), (middle,) = shuffle.inputs, shuffle.outputs
    inputs = tuple(source if name == middle else name for name in clip.inputs)
    output = graph.tensors[clip.output]
    graph.update(middle, shape=graph.tensors[source].shape, dtype=output.dtype, quant=output.quant)
    first, second = graph.nodes.index(shuffle), graph.nodes.index(clip)
    graph.nodes[first] = replace(clip, inputs=inputs, outputs=(middle,))
    graph.nodes[second] = replace(shuffle, inputs=(middle,), outputs=clip.outputs)


def _fuse(graph: Graph, relu: Node) -> None:
    (x,) = graph.activations(relu)
    maker = only_maker(graph, x.name)
    if x.quant != graph.tensors[relu.output].quant:
        return
    if maker is not None and isinstance(maker.op, _FUSING) and maker.op.activation in ("NONE", "RELU"):
        graph.nodes[graph.nodes.index(maker)] = replace(
            maker, op=replace(maker.op, activation="RELU"), outputs=relu.outputs
        )
        graph.nodes.remove(relu)
