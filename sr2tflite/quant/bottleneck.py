"""Where a network's features are fewest: behind its encoder, and before anything is enlarged."""

from collections.abc import Mapping
from fractions import Fraction

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops

_WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)


def decoder_entry(graph: Graph) -> Node:
    """The convolution whose input is the bottleneck: the one that makes what is enlarged, on the coarsest map.

    In a U-Net that map is the encoder's deepest; a super-resolution network has one level, and what it enlarges is
    made of its features, behind their skip, by its last convolution on that level. An image that is enlarged to be
    added has no features.

    Raises:
        UnsupportedError: Nothing is enlarged that a convolution has made of features; the message names the layer.
    """
    fineness, depth = {graph.input.name: Fraction(1)}, {graph.input.name: 0}
    for node in graph.nodes:
        read = [tensor.name for tensor in graph.activations(node)]
        fineness[node.output] = fineness[read[0]] * graph.enlargement(node)
        depth[node.output] = max(depth[name] for name in read) + isinstance(node.op, _WINDOWS)
    enlarged = [(node.inputs[0], _maker(graph, depth, node.inputs[0])) for node in graph.nodes if _enlarges(node)]
    made = [(fineness[name], maker) for name, maker in enlarged if maker is not None]
    if not made:
        last = next((node for node in reversed(graph.nodes) if isinstance(node.op, _WINDOWS)), graph.nodes[-1])
        raise _refused(last, "nothing that a convolution writes is enlarged, so that no features are a bottleneck")
    behind = [(fine, maker) for fine, maker in made if depth[maker.inputs[0]]]
    if not behind:
        raise _refused(made[-1][1], "reads the image itself, which is no bottleneck")
    coarsest = min(fine for fine, _ in behind)
    return [maker for fine, maker in behind if fine == coarsest][-1]


def _enlarges(node: Node) -> bool:
    return isinstance(node.op, ops.DepthToSpace | ops.ResizeNearestNeighbor)


def _maker(graph: Graph, depth: Mapping[str, int], name: str) -> Node | None:
    """The last convolution on the way to a tensor with the most of them, through sums and clips."""
    while (node := graph.producer(name)) is not None and not isinstance(node.op, _WINDOWS):
        if _enlarges(node):
            return None
        name = max((tensor.name for tensor in graph.activations(node)), key=depth.__getitem__)
    return node


def _refused(node: Node, reason: str) -> UnsupportedError:
    return UnsupportedError(
        reason,
        where=f"{node.op.kind} {node.output}",
        hint="choose a student with levels, as efm, or one that enlarges its features at its end; or another method",
    )
