"""What the sides of an image have to be multiples of."""

from fractions import Fraction
from math import lcm

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node


def size_multiple(graph: Graph) -> int:
    """The number that every side is divided by on its way through a graph; 1 where nothing is made smaller.

    Where a map of half the size is enlarged again and meets the whole one, as in a U-Net, other sides do not fit; nor
    does SPACE_TO_DEPTH take them.
    """
    fineness = dict.fromkeys(graph.inputs, Fraction(1))
    for node in graph.nodes:
        source = next((fineness[name] for name in node.inputs if name in fineness), Fraction(1))
        fineness.update(dict.fromkeys(node.outputs, source * _enlargement(graph, node)))
    return lcm(*(found.denominator for found in fineness.values()))


def _enlargement(graph: Graph, node: Node) -> Fraction:
    """1 for RESIZE_BILINEAR, which makes any size of any."""
    return Fraction(1) if isinstance(node.op, ops.ResizeBilinear) else graph.enlargement(node)
