"""Which tensors of a float graph get which quantization parameters.

Every activation belongs to one *group*: tensors that must carry the same parameters. A group's range is its own, or
*fixed*: the network's input and output, and whatever is tied to them, are pixels − 128.
"""

from dataclasses import dataclass
from functools import cached_property

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph.passes.absorb_clip import absorb_clip
from sr2tflite.graph.passes.pixel_units import to_pixel_units
from sr2tflite.numerics.qparams import QuantParams

PIXELS = QuantParams((1.0,), (-128,))
"""The network's input and output: raw pixels − 128."""

_SHARING = (ops.Concatenation, ops.DepthToSpace)
_COMPUTING = (ops.Conv2D, ops.DepthwiseConv2D, ops.Add)


@dataclass(frozen=True)
class Group:
    """Activations that share quantization parameters."""

    tensors: tuple[str, ...]
    """In execution order."""

    fixed: bool
    """Whether the parameters are those of pixels."""

    nonnegative: bool
    """Whether every tensor in it comes out of a ReLU, so that the range starts at zero."""


@dataclass(frozen=True)
class Plan:
    """A float graph in pixel units, without its final clip, and the groups of its activations."""

    graph: Graph
    groups: tuple[Group, ...]

    @cached_property
    def group_of(self) -> dict[str, int]:
        """The index of each activation's group."""
        return {name: index for index, group in enumerate(self.groups) for name in group.tensors}


def plan_quantization(graph: Graph) -> Plan:
    """Decide the groups: fixed at the ends, tied through DEPTH_TO_SPACE and CONCATENATION, own elsewhere.

    Args:
        graph: A float graph in 0…1 or 0…255.

    Raises:
        UnsupportedError: An op cannot be quantized; the message names it.
    """
    pixels = absorb_clip(to_pixel_units(graph))
    for node in pixels.nodes:
        _refuse_unsupported(pixels, node)
    ends = {*pixels.inputs, *pixels.outputs}
    groups = [
        Group(names, fixed=not ends.isdisjoint(names), nonnegative=all(_is_rectified(pixels, name) for name in names))
        for names in _tied(pixels)
    ]
    return Plan(pixels, tuple(groups))


def _refuse_unsupported(graph: Graph, node: Node) -> None:
    op, where = node.op, node.outputs[0]
    if not isinstance(op, _SHARING + _COMPUTING):
        raise UnsupportedError(
            f"op {getattr(op, 'name', op.kind)} cannot be quantized here; expected CONV_2D, DEPTHWISE_CONV_2D, ADD, "
            "CONCATENATION or DEPTH_TO_SPACE",
            where=where,
        )
    if (activation := getattr(op, "activation", "NONE")) not in ("NONE", "RELU"):
        raise UnsupportedError(f"{op.kind} ends in {activation}; expected NONE or RELU", where=where)
    if isinstance(op, ops.Concatenation) and op.axis not in (3, -1):
        raise UnsupportedError(f"CONCATENATION along axis {op.axis}; expected 3 (channels)", where=where)
    constants = [graph.tensors[name].is_constant for name in node.inputs]
    expected = [False, True, True] if isinstance(op, ops.Conv2D | ops.DepthwiseConv2D) else [False] * len(constants)
    if constants != expected:
        raise UnsupportedError(f"{op.kind} with a constant operand cannot be quantized here", where=where)
    if isinstance(op, ops.Add) and len({graph.tensors[name].shape for name in node.inputs}) > 1:
        raise UnsupportedError("ADD of tensors of different shapes cannot be quantized here", where=where)


def _tied(graph: Graph) -> list[tuple[str, ...]]:
    """Activations in execution order, those that must share parameters together."""
    sets: dict[str, list[str]] = {name: [name] for name in graph.inputs}
    for node in graph.nodes:
        sets[node.output] = [node.output]
        if isinstance(node.op, _SHARING):
            for name in node.inputs:
                _unite(sets, name, node.output)
    order = list(sets)
    unique = {id(members): members for members in sets.values()}
    return [tuple(sorted(members, key=order.index)) for members in unique.values()]


def _unite(sets: dict[str, list[str]], one: str, other: str) -> None:
    if sets[one] is not sets[other]:
        sets[one].extend(sets[other])
        for name in sets[other]:
            sets[name] = sets[one]


def _is_rectified(graph: Graph, name: str) -> bool:
    node = graph.producer(name)
    if node is None:
        return False
    if isinstance(node.op, _SHARING):
        return all(_is_rectified(graph, source) for source in node.inputs)
    return getattr(node.op, "activation", "NONE") == "RELU"
