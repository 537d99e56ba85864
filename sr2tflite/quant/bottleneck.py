"""Where a network's features are fewest: behind its encoder, and before anything is enlarged."""

from fractions import Fraction

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops

_LARGER = (ops.DepthToSpace, ops.ResizeNearestNeighbor)
_WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)


def decoder_entry(graph: Graph) -> Node:
    """The convolution whose input is the bottleneck: the one that makes what is enlarged, on the coarsest map.

    In a U-Net that map is the encoder's deepest; a super-resolution network has one level, and what it enlarges is
    made of its features, behind their skip, by its last convolution on that level.

    Raises:
        UnsupportedError: Nothing is enlarged that a convolution has made of features; the message names the layer.
    """
    fineness = {graph.input.name: Fraction(1)}
    for node in graph.nodes:
        fineness[node.output] = fineness[graph.activations(node)[0].name] * graph.enlargement(node)
    made = {node.output: found for node in graph.nodes if (found := _maker(graph, node.output)) is not None}
    enlarged = [node.inputs[0] for node in graph.nodes if isinstance(node.op, _LARGER) and node.inputs[0] in made]
    if not enlarged:
        last = next((node for node in reversed(graph.nodes) if isinstance(node.op, _WINDOWS)), graph.nodes[-1])
        raise _refused(last, "nothing that a convolution writes is enlarged, so that no features are a bottleneck")
    behind = [name for name in enlarged if _maker(graph, made[name].inputs[0]) is not None]
    if not behind:
        raise _refused(made[enlarged[-1]], "reads the image itself, which is no bottleneck")
    coarsest = min(fineness[name] for name in behind)
    return made[next(name for name in reversed(behind) if fineness[name] == coarsest)]


def _maker(graph: Graph, name: str) -> Node | None:
    """The last convolution on the way to a tensor, along the longest way through sums and clips."""
    pending, found = [name], list[Node]()
    while pending:
        node = graph.producer(pending.pop())
        if node is not None and isinstance(node.op, _WINDOWS):
            found.append(node)
        elif node is not None and not isinstance(node.op, _LARGER):
            pending.extend(tensor.name for tensor in graph.activations(node))
    return max(found, key=graph.nodes.index, default=None)


def _refused(node: Node, reason: str) -> UnsupportedError:
    return UnsupportedError(
        reason,
        where=f"{node.op.kind} {node.output}",
        hint="choose a student with levels, as efm, or one that enlarges its features at its end; or another method",
    )
