"""How far an output pixel of a graph sees: the halo that makes tiles equal to the whole image."""

from fractions import Fraction
from math import ceil

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops

_POINTWISE = (*ops.ELEMENTWISE, ops.Quantize, ops.Dequantize)


def receptive_field(graph: Graph) -> int:
    """The radius, in input pixels, outside which nothing reaches an output pixel.

    A convolution with kernel k and dilation d on a map f times as fine as the input adds ``⌈d·(k−1)/2⌉ / f``; the
    largest sum over all paths is rounded up. Output pixel p of a graph of scale s depends on the input pixels
    ``⌊p/s⌋ − radius … ⌊p/s⌋ + radius`` only.

    Raises:
        UnsupportedError: An op depends on where in the image it is, or is not known not to.
    """
    radius = dict.fromkeys(graph.inputs, Fraction(0))
    fineness = dict.fromkeys(graph.inputs, 1)
    for node in graph.nodes:
        _require_shift_invariant(graph, node)
        reached = [name for name in node.inputs if name in radius]
        before = max((radius[name] for name in reached), default=Fraction(0))
        fine = max((fineness[name] for name in reached), default=1)
        radius[node.output] = before + Fraction(_reach(graph, node), fine)
        fineness[node.output] = fine * getattr(node.op, "block_size", 1) * getattr(node.op, "factor", 1)
    return max(ceil(radius[name]) for name in graph.outputs)


def _reach(graph: Graph, node: Node) -> int:
    """How many pixels of its own map a node sees to the farther side."""
    if not isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D):
        return 0
    _, height, width, _ = graph.tensors[node.inputs[1]].shape
    assert height is not None
    assert width is not None
    vertical, horizontal = node.op.dilation
    return max(-(-vertical * (height - 1) // 2), -(-horizontal * (width - 1) // 2))


def _refuse(node: Node, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"{reason}; tiles would not equal the whole image",
        where=f"{getattr(node.op, 'name', node.op.kind)} {node.outputs[0]}",
        hint="use a free-shape file",
    )


def _require_shift_invariant(graph: Graph, node: Node) -> None:
    match node.op:
        case ops.Conv2D() | ops.DepthwiseConv2D() as conv:
            if conv.stride != (1, 1):
                raise _refuse(node, f"stride {conv.stride}, expected (1, 1)")
            if conv.padding != "SAME" and graph.tensors[node.inputs[1]].shape[1:3] != (1, 1):
                raise _refuse(node, f"padding {conv.padding}, expected SAME")
        case ops.Concatenation(axis=axis):
            if axis not in (3, -1):
                raise _refuse(node, f"concatenation along axis {axis}, expected 3")
        case ops.DepthToSpace() | ops.ResizeNearestNeighbor():
            pass
        case _ if isinstance(node.op, _POINTWISE):
            if any(_varies_in_space(graph, name) for name in node.inputs):
                raise _refuse(node, "a constant that varies over the image")
        case _:
            raise _refuse(node, f"op {getattr(node.op, 'name', node.op.kind)} may see more than its neighborhood")


def _varies_in_space(graph: Graph, name: str) -> bool:
    tensor = graph.tensors[name]
    return tensor.is_constant and any(size != 1 for size in tensor.shape[-3:-1])
