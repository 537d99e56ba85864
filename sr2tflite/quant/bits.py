"""How many bits weights and activations have: fewer than eight are codes that a tensor of int8 leaves unused."""

from collections.abc import Iterator, Mapping

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.numerics.qparams import LIMITS, STEPS, WEIGHT_LIMIT
from sr2tflite.quant.settings import Bits

_WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)


def weight_limits(graph: Graph, bits: Bits) -> dict[str, int]:
    """The largest weight code of every convolution by its output: ``2^(b−1) − 1``.

    The first and the last convolutions, those that read pixels or write what becomes pixels, have ``bits.ends``.
    """
    inner = {node.output for node in inner_convolutions(graph)}
    convolutions = [node.output for node in graph.nodes if isinstance(node.op, _WINDOWS)]
    return {name: largest_code(bits.weights if name in inner else bits.ends) for name in convolutions}


def inner_convolutions(graph: Graph) -> list[Node]:
    """Those that neither read pixels nor write what becomes pixels, in execution order."""
    ends = {node.output for node in (*_first(graph), *_last(graph))}
    return [node for node in graph.nodes if isinstance(node.op, _WINDOWS) and node.output not in ends]


def packed(graph: Graph, limits: Mapping[str, int], bits: Bits) -> frozenset[str]:
    """The outputs of the convolutions whose weights go two to a byte: few bits, and one group."""
    if bits.container != "int4":
        return frozenset()
    fits = [node for node in graph.nodes if limits.get(node.output, WEIGHT_LIMIT) <= LIMITS["int4"][1]]
    return frozenset(node.output for node in fits if takes_int4(graph, node))


def takes_int4(graph: Graph, node: Node) -> bool:
    """Whether the builtin kernel for int4 weights computes a convolution in all families: CONV_2D without groups."""
    x, weight, *_ = (graph.tensors[name] for name in node.inputs)
    return isinstance(node.op, ops.Conv2D) and weight.channels == x.channels


def largest_code(bits: int) -> int:
    """Of weights: the grid is symmetric and narrow, 127 at eight bits."""
    return WEIGHT_LIMIT >> (8 - bits)


def rectified_steps(bits: Bits) -> int:
    """Steps between the ends of what a ReLU writes: ``2^b − 1``."""
    return steps_of(bits.activations)


def steps_of(bits: int) -> int:
    """Between the codes of so many bits."""
    return STEPS >> (8 - bits)


def _first(graph: Graph) -> Iterator[Node]:
    pixels = set(graph.inputs)
    for node in graph.nodes:
        if pixels.isdisjoint(node.inputs):
            continue
        if isinstance(node.op, _WINDOWS):
            yield node
        else:
            pixels.add(node.output)


def _last(graph: Graph) -> Iterator[Node]:
    read = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node.output not in read:
            continue
        if isinstance(node.op, _WINDOWS):
            yield node
        else:
            read.update(node.inputs)
