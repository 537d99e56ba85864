"""Which tensors of a float graph get which quantization parameters.

Every activation belongs to one *group*: tensors that must carry the same parameters. A group's range is its own, or
*fixed*: the network's input and output, and whatever is tied to them, are pixels − 128; LOGISTIC writes 1/256.

A group may be *bounded*: where every value in it goes through a clip, its range ends at the bound at the latest, and
saturation does the clipping. The clip is then *absorbed*: no op of the file stands for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph.passes.lift_skips import Lifted
from sr2tflite.graph.passes.merge_clips import Bounds, clip_bounds
from sr2tflite.numerics.elementwise import LOGISTIC_PARAMS
from sr2tflite.numerics.qparams import STEPS, QuantParams, operand
from sr2tflite.quant.bits import packed, rectified_steps, weight_limits
from sr2tflite.quant.prepare import in_pixels, with_lifted_skips
from sr2tflite.quant.settings import Bits
from sr2tflite.quant.ties import tied

PIXELS = QuantParams((1.0,), (-128,))
"""The network's input and output: raw pixels − 128."""

REAL = QuantParams((1.0,), (0,))
"""Of what a simulation does not round: a centered code *is* the value."""

MOVING = (ops.Concatenation, ops.DepthToSpace, ops.ResizeNearestNeighbor)
"""Ops that only move codes."""

SHARING = (*MOVING, ops.Relu, ops.Minimum, ops.Maximum)
"""Ops that move or compare codes: what they read and write has the same parameters."""

_WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)
SUMS = (ops.Add, ops.Sub)
_WITH_OPERAND = (ops.Add, ops.Sub, ops.Mul)
_COMPUTING = (*_WINDOWS, *_WITH_OPERAND, ops.PRelu, ops.LeakyRelu, ops.Logistic)


@dataclass(frozen=True)
class Group:
    """Activations that share quantization parameters."""

    tensors: tuple[str, ...]
    """In execution order."""

    given: QuantParams | None = None
    """The parameters where they are not learned."""

    low: float = -inf
    """At most zero: where every value is clipped below; a ReLU's is zero."""

    high: float = inf
    """At least zero: where every value is clipped above."""

    steps: int = STEPS
    """Between the ends of the range; fewer than 255 only where fused ReLUs write every value."""

    @property
    def fixed(self) -> bool:
        """Whether the parameters are given, not learned."""
        return self.given is not None

    @property
    def nonnegative(self) -> bool:
        """Whether the range starts at zero."""
        return self.low == 0


@dataclass(frozen=True)
class Plan:
    """A float graph in pixel units, without its final clip, and the groups of its activations."""

    graph: Graph
    groups: tuple[Group, ...]

    absorbed: frozenset[str] = frozenset()
    """The outputs of clips that saturation does."""

    kept: Mapping[str, QuantParams] = field(default_factory=dict)
    """Parameters that constant operands have already."""

    limits: Mapping[str, int] = field(default_factory=dict)
    """The largest weight code of a convolution, by its output, where it is not 127."""

    packed: frozenset[str] = frozenset()
    """The outputs of convolutions whose weights lie two to a byte, int4."""

    copies: frozenset[str] = frozenset()
    """The outputs of convolutions that only move pixels: nothing is learned there."""

    @cached_property
    def simulates(self) -> bool:
        """Whether some activations stay real, as in no file."""
        return any(group.given == REAL for group in self.groups)

    @cached_property
    def group_of(self) -> dict[str, int]:
        """The index of each activation's group."""
        return {name: index for index, group in enumerate(self.groups) for name in group.tensors}

    @cached_property
    def operands(self) -> dict[str, QuantParams]:
        """Parameters of the constants of ADD, SUB and MUL, as far as these do not depend on the activations'."""
        constants = (constant_operand(self.graph, node) for node in self.graph.nodes)
        found = {name: self.graph.tensors[name].data for name in constants if name is not None}
        return {name: self.kept.get(name) or operand(data) for name, data in found.items() if data is not None}


def span(params: QuantParams, steps: int = STEPS) -> tuple[float, float]:
    """The real values of the smallest code, 127 − steps, and of 127."""
    scale, zero_point = params.scale[0], params.zero_point[0]
    return scale * (127 - steps - zero_point), scale * (127 - zero_point)


def saturates_as(bounds: Bounds, params: QuantParams) -> bool:
    """Whether a clip leaves every code of a grid as it is: saturation has done it.

    Rounding is monotonic, so a clip before it is one after it, to the codes its bounds round to: with
    ``q(x) = round_half_even(x / s) + z``, the clip does nothing where ``q(low) ≤ −128`` and ``127 ≤ q(high)``.
    """
    scale, zero_point = params.scale[0], params.zero_point[0]
    codes = np.rint(np.array([bounds.low, bounds.high]) / scale) + zero_point
    return bool(codes[0] <= -128 and codes[1] >= 127)


def constant_operand(graph: Graph, node: Node) -> str | None:
    """The constant that an ADD, SUB or MUL reads."""
    if not isinstance(node.op, _WITH_OPERAND):
        return None
    return next((name for name in node.inputs if graph.tensors[name].is_constant), None)


def plan_quantization(graph: Graph, bits: Bits | None = None, *, lift_skips: bool = False) -> Plan:
    """Decide the groups: fixed at the ends, tied through ops that move or compare codes, own elsewhere.

    Args:
        graph: A float graph in 0…1 or 0…255.
        bits: Of weights and activations; 8 when None.
        lift_skips: Whether a skip from the first convolution to the last becomes copies of pixels.

    Raises:
        UnsupportedError: An op cannot be quantized, or no skip lifted; the message names it.
    """
    start = in_pixels(graph)
    return plan_in_pixels(with_lifted_skips(start) if lift_skips else Lifted(start), bits)


def plan_in_pixels(found: Lifted, bits: Bits | None = None) -> Plan:
    """The same for a graph that is in pixel units already, its skips lifted or not.

    Args:
        found: The float graph, and what of it holds pixels only.
        bits: Of weights and activations; 8 when None.

    Raises:
        UnsupportedError: An op cannot be quantized; the message names it.
    """
    pixels, bits = found.graph, bits or Bits()
    plan = plan_as_it_is(pixels, found.copies)
    groups = tuple(_with_steps(pixels, _bounded(pixels, group), bits) for group in plan.groups)
    owner = {name: group for group in groups for name in group.tensors}
    absorbed = frozenset(n.output for n in pixels.nodes if _is_absorbed(pixels, n, owner[n.output]))
    limits = weight_limits(pixels, bits)
    return replace(plan, groups=groups, absorbed=absorbed, limits=limits, packed=packed(pixels, limits, bits))


def plan_as_it_is(graph: Graph, copies: frozenset[str] = frozenset()) -> Plan:
    """The groups of a graph in pixel units whose ops all stay: that of a quantized one.

    Args:
        graph: In pixel units.
        copies: What holds pixels only; it and what it is joined with lie on the grid of pixels.

    Raises:
        UnsupportedError: An op cannot be quantized; the message names it.
    """
    for node in graph.nodes:
        _refuse_unsupported(graph, node)
    return Plan(graph, tuple(_group(graph, names, copies) for names in tied(graph, SHARING)), copies=copies)


def _group(graph: Graph, names: tuple[str, ...], copies: frozenset[str]) -> Group:
    low = min(_floor(graph, name) for name in roots(graph, names))
    return Group(names, _given(graph, names, copies), low)


def roots(graph: Graph, names: tuple[str, ...]) -> list[str]:
    """The tensors of a group that the others' values come from."""
    return [name for name in names if (node := graph.producer(name)) is None or not isinstance(node.op, SHARING)]


def _floor(graph: Graph, root: str) -> float:
    """Zero under a fused ReLU."""
    node = graph.producer(root)
    return 0.0 if node is not None and getattr(node.op, "activation", "NONE") == "RELU" else -inf


def _bounded(graph: Graph, group: Group) -> Group:
    """A group with the bounds of the clips that all its values go through."""
    if group.fixed:
        return group
    written = roots(graph, group.tensors)
    low = min(max(_floor(graph, name), -_bound(graph, name, upper=False)) for name in written)
    return replace(group, low=low, high=max(_bound(graph, name, upper=True) for name in written))


def _with_steps(graph: Graph, group: Group, bits: Bits) -> Group:
    if group.fixed or any(_floor(graph, name) < 0 for name in roots(graph, group.tensors)):
        return group
    return replace(group, steps=rectified_steps(bits))


def _is_absorbed(graph: Graph, node: Node, group: Group) -> bool:
    bounds = clip_bounds(graph, node)
    if bounds is None or node.output in graph.outputs:
        return False
    if group.given is not None:
        return saturates_as(bounds, group.given)
    return bounds.low <= group.low and group.high <= bounds.high


def _given(graph: Graph, names: tuple[str, ...], copies: frozenset[str]) -> QuantParams | None:
    writers = [graph.producer(name) for name in names]
    plain = [node.output for node in writers if node is not None and isinstance(node.op, ops.Logistic)]
    is_end = not {*graph.inputs, *graph.outputs, *copies}.isdisjoint(names)
    others = [n for n in writers if n is None or not isinstance(n.op, (*SHARING, ops.Logistic))]
    if plain and (is_end or others):
        raise UnsupportedError(
            "op LOGISTIC writes steps of 1/256, which what it is joined with cannot share", where=plain[0]
        )
    if plain:
        return LOGISTIC_PARAMS
    return PIXELS if is_end else None


def _bound(graph: Graph, name: str, *, upper: bool) -> float:
    """The bound, or minus the lower one, that whatever reads a tensor sees it clipped to; inf for none."""
    readers = graph.consumers(name)
    if name in graph.outputs or not readers:
        return inf
    return max(_bound_at(graph, node, upper=upper) for node in readers)


def _bound_at(graph: Graph, reader: Node, *, upper: bool) -> float:
    bounds = clip_bounds(graph, reader)
    if bounds is not None:
        end = bounds.high if upper else -bounds.low
        if 0 <= end < inf:
            return end
    passes_on = isinstance(reader.op, MOVING) or bounds is not None
    return _bound(graph, reader.output, upper=upper) if passes_on else inf


def _refuse_unsupported(graph: Graph, node: Node) -> None:
    op, where = node.op, node.outputs[0]
    if not isinstance(op, SHARING + _COMPUTING):
        raise UnsupportedError(f"op {getattr(op, 'name', op.kind)} cannot be quantized here", where=where)
    if (activation := getattr(op, "activation", "NONE")) not in ("NONE", "RELU"):
        raise UnsupportedError(f"{op.kind} ends in {activation}; expected NONE or RELU", where=where)
    if isinstance(op, ops.Concatenation) and op.axis not in (3, -1):
        raise UnsupportedError(f"CONCATENATION along axis {op.axis}; expected 3 (channels)", where=where)
    constants = [graph.tensors[name].is_constant for name in node.inputs]
    if isinstance(op, (*_WINDOWS, ops.PRelu)):
        fits = constants == [False, *[True] * (len(constants) - 1)]
    elif isinstance(op, (*_WITH_OPERAND, ops.Minimum, ops.Maximum)):
        fits = sum(constants) <= 1
    else:
        fits = not any(constants)
    if not fits:
        raise UnsupportedError(f"{op.kind} with such constant operands cannot be quantized here", where=where)
    if isinstance(op, (*_WITH_OPERAND, ops.Minimum, ops.Maximum)):
        _refuse_wide_constant(graph, node)


def _refuse_wide_constant(graph: Graph, node: Node) -> None:
    """A constant holds one value, or one per channel."""
    channels = graph.activations(node)[0].channels
    for constant in (graph.tensors[name] for name in node.inputs if graph.tensors[name].is_constant):
        sizes = [size for size in constant.shape if size != 1]
        if sizes and (sizes != [channels] or constant.channels != channels):
            raise UnsupportedError(
                f"{node.op.kind} with a constant {constant.shape}; expected one value, or one per channel",
                where=constant.name,
            )
