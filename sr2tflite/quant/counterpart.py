"""What a quantized graph would be without its roundings: the float graph it was made from, tensor by tensor.

Equalization gives channels gains that change nothing in the float function, so the integers of a layer are roundings
of weights that no float file holds. The gains are found again from both: in ℝ any gains give the same function, and
those that bring the float weights nearest to the integers are the file's but for a part in a thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph.passes.lift_skips import lift_skips
from sr2tflite.graph.passes.pixel_units import PIXEL_RANGE
from sr2tflite.quant.gains import apply_gain, gain_sets, joined
from sr2tflite.quant.plan import SHARING, Plan, plan_in_pixels, plan_quantization
from sr2tflite.quant.turn import turn_slopes

ROUNDED = 0.6
"""Integers that are, root mean square, at most this many steps from the float weights are roundings of them: to the
nearest 0.29 = 1/√12, by covariance 0.35 to 0.45; 2000 steps of quantized training leave ``aio_mai`` at 1.04."""

_STEPS = 12
_LARGEST_STEP = 1.0
_RIDGE = 1e-9

CARRYING = (*SHARING, ops.SpaceToDepth)
"""Ops that move or compare codes: they round nothing."""


@dataclass(frozen=True)
class Counterpart:
    """The float side of a quantized graph, in pixel units."""

    graph: Graph
    """The float graph with the file's gains."""

    names: dict[str, str]
    """Tensor of the file, an activation that an op rounds or a constant it reads → the same of the float graph."""

    constants: dict[str, NDArray[np.float32]]
    """Constant of the file → its real values before they were rounded."""

    fused: dict[str, NDArray[np.float32]]
    """The same without gains, as fusing left them."""

    bounds: dict[str, tuple[float, float]]
    """Activation that is rounded → the clip that saturation stands for; the output's is black and white."""

    liftable: frozenset[str]
    """Sums of the file whose skip could be copies of pixels instead."""

    apart: float
    """Root mean square distance of the weight codes from the float weights, in steps."""

    @property
    def holds_weights(self) -> bool:
        """Whether the integers are roundings of the float weights; training moves them away."""
        return self.apart <= ROUNDED


def rounds(node: Node) -> bool:
    """Whether an op rounds what it writes."""
    return not isinstance(node.op, CARRYING)


def counterpart(quantized: Graph, source: Graph) -> Counterpart:
    """The float graph a quantized one was made from, in the quantized one's channels.

    Args:
        quantized: In pixel units, int8 or uint8 from end to end.
        source: A float graph in 0…1 or 0…255.

    Raises:
        InputError: The two are of different networks.
        UnsupportedError: The float graph holds an op that cannot be quantized.
    """
    plan, sums = _plan_of(quantized, source)
    pairs = _pairs(quantized, plan.graph)
    candidates = [plan.graph, turn_slopes(plan.graph)] if "PRELU" in plan.graph.counts() else [plan.graph]
    aligned = [_aligned(quantized, replace(plan, graph=graph), pairs) for graph in candidates]
    graph, apart = min(aligned, key=lambda found: found[1])
    groups = {theirs.output: plan.groups[plan.group_of[ours.output]] for theirs, ours in pairs}
    ends = {name: (group.low, group.high) for name, group in groups.items()}
    ends[_last_rounded(quantized)] = PIXEL_RANGE
    names = {a: b for pair in pairs for a, b in zip(*((*node.inputs, node.output) for node in pair), strict=True)}
    return Counterpart(
        graph,
        names,
        dict(_constants(quantized, graph, pairs)),
        dict(_constants(quantized, plan.graph, pairs)),
        {name: found for name, found in ends.items() if found != (-inf, inf)},
        frozenset(theirs for theirs, ours in names.items() if ours in sums),
        apart,
    )


def _plan_of(quantized: Graph, source: Graph) -> tuple[Plan, frozenset[str]]:
    """The plan of the float graph, its skips lifted where the quantized one's are, and sums whose skip could still be.

    They are lifted where the quantized graph joins what that would join.
    """
    plan, kind = plan_quantization(source), ops.Concatenation.kind
    lifted = lift_skips(plan.graph)
    is_lifted = bool(lifted.copies) and quantized.counts().get(kind) == lifted.graph.counts()[kind]
    return (plan_in_pixels(lifted), frozenset()) if is_lifted else (plan, lifted.sums)


def _last_rounded(graph: Graph) -> str:
    """The tensor whose rounding is that of the output, which saturates as every image does."""
    name = graph.output.name
    while (node := graph.producer(name)) is not None and not rounds(node):
        before = graph.activations(node)
        if len(before) != 1 or len(graph.consumers(before[0].name)) != 1:
            break
        name = before[0].name
    return name


Pairs = list[tuple[Node, Node]]
"""(of the quantized graph, of the float one)"""


def _pairs(quantized: Graph, source: Graph) -> Pairs:
    """The ops that round, with the float ops they stand for: by name, or in order where a converter renamed them."""
    theirs, ours = ([node for node in graph.nodes if rounds(node)] for graph in (quantized, source))
    named = {node.output: node for node in ours}
    in_order = [named[n.output] for n in theirs] if named.keys() == {n.output for n in theirs} else ours
    for index in range(max(len(theirs), len(in_order))):
        found, wanted = (_told(graph, nodes, index) for graph, nodes in ((quantized, theirs), (source, in_order)))
        if found != wanted:
            raise InputError(
                f"{quantized.name} has {found} where {source.name} has {wanted}; expected one network",
                where=theirs[index].output if index < len(theirs) else None,
                hint="give the float deploy graph that the quantized file was made from",
            )
    return list(zip(theirs, in_order, strict=True))


def _told(graph: Graph, nodes: list[Node], index: int) -> str:
    """An op with the shapes of its constants."""
    if index >= len(nodes):
        return "no more ops"
    node = nodes[index]
    shapes = [f"{tensor.shape}" for name in node.inputs if (tensor := graph.tensors[name]).is_constant]
    return " ".join([node.op.kind, *shapes])


def _constants(quantized: Graph, source: Graph, pairs: Pairs) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for theirs, ours in pairs:
        for name, mine in zip(theirs.inputs, ours.inputs, strict=True):
            data = source.tensors[mine].data
            if quantized.tensors[name].is_constant and data is not None:
                yield name, data


def _aligned(quantized: Graph, plan: Plan, pairs: Pairs) -> tuple[Graph, float]:
    """The float graph with the gains that bring it nearest to some integers, and how far apart they stay.

    Minimized by Gauss–Newton over the logarithms g of the gains: ``Σ (q − W·exp(g_o − g_i)/s_o)²``. Gains that explain
    no more than chance are left at 1.
    """
    graph = plan.graph.copy()
    sets = gain_sets(graph, plan.copies)
    problem = _Problem(quantized, plan.graph, pairs, sets)
    logs = problem.solved()
    if problem.apart(logs) > 0.99 * problem.apart(np.zeros_like(logs)):
        return graph, problem.apart(np.zeros_like(logs))
    for members in sets:
        apply_gain(graph, members, np.exp(logs[problem.place[min(members)]]))
    return graph, problem.apart(logs)


class _Problem:
    """The convolutions between channels with gains, in steps of their integers."""

    def __init__(self, quantized: Graph, source: Graph, pairs: Pairs, sets: list[set[str]]) -> None:
        self.place: dict[str, slice] = {}
        self.size = 0
        for members in sets:
            width = source.tensors[min(members)].channels
            self.place.update(dict.fromkeys(members, slice(self.size, self.size + width)))
            self.size += width
        windows = [pair for pair in pairs if isinstance(pair[1].op, ops.Conv2D | ops.DepthwiseConv2D)]
        self._layers = [(*_in_steps(quantized, source, *pair), pair[1]) for pair in windows]
        self._read = {node.output: self._read_by(source, node) for _, node in windows}

    def _read_by(self, source: Graph, node: Node) -> list[tuple[slice, slice]]:
        """(input channels of a convolution, where the logarithms of their gains are), where they have gains."""
        found, first = [], 0
        for part in joined(source, node.inputs[0]):
            channels = slice(first, first := first + source.tensors[part].channels)
            if part in self.place:
                found.append((channels, self.place[part]))
        return found

    def apart(self, logs: NDArray[np.float64]) -> float:
        """Root mean square distance, in steps."""
        errors = [(codes - self._scaled(steps, node, logs)).ravel() for codes, steps, node in self._layers]
        return float(np.sqrt(np.mean(np.square(np.concatenate(errors))))) if errors else 0.0

    def solved(self) -> NDArray[np.float64]:
        """The logarithms of the gains, all sets one after the other."""
        logs = np.zeros(self.size)
        for _ in range(_STEPS if self.size else 0):
            matrix, slope = self._normal(logs)
            ridge = _RIDGE * max(float(matrix.max()), 1.0) * np.eye(self.size)
            logs = logs + np.clip(np.linalg.solve(matrix + ridge, slope), -_LARGEST_STEP, _LARGEST_STEP)
        return logs

    def _scaled(self, steps: NDArray[np.float64], node: Node, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        if node.output in self.place:
            steps = steps * np.exp(logs[self.place[node.output]])[:, None, None, None]
        for channels, read in self._read[node.output]:
            steps = steps.copy()
            steps[..., channels] *= np.exp(-logs[read])
        return steps

    def _normal(self, logs: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The normal equations of one step."""
        matrix, slope = np.zeros((self.size, self.size)), np.zeros(self.size)
        for codes, steps, node in self._layers:
            expected = self._scaled(steps, node, logs)
            square, moved = (expected**2).sum((1, 2)), (expected * (codes - expected)).sum((1, 2))
            written = self.place.get(node.output)
            if written is not None:
                np.einsum("ii->i", matrix[written, written])[:] += square.sum(1)
                slope[written] += moved.sum(1)
            for channels, read in self._read[node.output]:
                np.einsum("ii->i", matrix[read, read])[:] += square.sum(0)[channels]
                slope[read] -= moved.sum(0)[channels]
                if written is not None:
                    matrix[written, read] -= square[:, channels]
                    matrix[read, written] -= square[:, channels].T
        return matrix, slope


def _in_steps(
    quantized: Graph, source: Graph, theirs: Node, ours: Node
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Codes without their zero point, and float weights, both in steps of the weight scale, OHWI or 1HWO."""
    stored, weight = quantized.tensors[theirs.inputs[1]], source.tensors[ours.inputs[1]].data
    assert stored.data is not None
    assert stored.quant is not None
    assert weight is not None
    scale, zero = stored.quant.broadcast(4)
    return stored.data.astype(np.float64) - zero, weight.astype(np.float64) / scale
