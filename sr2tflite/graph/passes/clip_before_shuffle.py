"""Clips before DEPTH_TO_SPACE instead of behind it, and RELU inside the op that writes what it bounds."""

from dataclasses import replace

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node

_FUSING = (ops.Conv2D, ops.DepthwiseConv2D, ops.Add, ops.Sub, ops.Mul)


def clip_before_shuffle(graph: Graph) -> Graph:
    """A float copy with RELU, MINIMUM and MAXIMUM of one level moved to where TFLiteConverter puts them.

    A clip acts value by value and DEPTH_TO_SPACE only moves values: ``clip(shuffle(x)) = shuffle(clip(x))``, exactly.
    Before it a RELU costs nothing, fused into the convolution or sum.
    """
    result = graph.copy()
    while (pair := _clip_behind_shuffle(result)) is not None:
        _exchange(result, *pair)
    for node in [node for node in result.nodes if isinstance(node.op, ops.Relu)]:
        _fuse(result, node)
    result.drop_unused()
    return result


def _only_maker(graph: Graph, name: str) -> Node | None:
    """The node that writes a tensor, if one node reads it and nothing else does."""
    return graph.producer(name) if len(graph.consumers(name)) == 1 and name not in graph.outputs else None


def _clip_behind_shuffle(graph: Graph) -> tuple[Node, Node] | None:
    for node in graph.nodes:
        if not _is_clip(graph, node):
            continue
        shuffle = _only_maker(graph, graph.activations(node)[0].name)
        if shuffle is not None and isinstance(shuffle.op, ops.DepthToSpace):
            return shuffle, node
    return None


def _is_clip(graph: Graph, node: Node) -> bool:
    levels = [tensor for name in node.inputs if (tensor := graph.tensors[name]).is_constant]
    if isinstance(node.op, ops.Minimum | ops.Maximum):
        return len(levels) == 1 and all(size == 1 for size in levels[0].shape)
    return isinstance(node.op, ops.Relu)


def _exchange(graph: Graph, shuffle: Node, clip: Node) -> None:
    """``shuffle → middle → clip → out`` becomes ``clip → middle → shuffle → out``."""
    (source,), (middle,) = shuffle.inputs, shuffle.outputs
    inputs = tuple(source if name == middle else name for name in clip.inputs)
    graph.update(middle, shape=graph.tensors[source].shape)
    first, second = graph.nodes.index(shuffle), graph.nodes.index(clip)
    graph.nodes[first] = replace(clip, inputs=inputs, outputs=(middle,))
    graph.nodes[second] = replace(shuffle, inputs=(middle,), outputs=clip.outputs)


def _fuse(graph: Graph, relu: Node) -> None:
    maker = _only_maker(graph, relu.inputs[0])
    if maker is not None and isinstance(maker.op, _FUSING) and maker.op.activation in ("NONE", "RELU"):
        graph.nodes[graph.nodes.index(maker)] = replace(
            maker, op=replace(maker.op, activation="RELU"), outputs=relu.outputs
        )
        graph.nodes.remove(relu)
