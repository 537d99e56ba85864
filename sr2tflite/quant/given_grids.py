"""The grid of every group of activations, from those that a file says."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Node, ops
from sr2tflite.graph.said import SaidGrid
from sr2tflite.numerics.qparams import QuantParams, affine
from sr2tflite.quant.plan import MOVING, PIXELS, SHARING, Plan, span

Tell = Callable[[SaidGrid, str], None]
"""Told each grid that could not be kept, and why."""


def scaled(params: QuantParams, factor: float) -> QuantParams:
    """The same codes for values ``factor`` times as large; each scale is rounded to float32."""
    scales = np.asarray(params.scale, np.float64) * np.float64(np.float32(factor))
    return QuantParams(tuple(float(np.float32(scale)) for scale in scales), params.zero_point, params.axis)


def spelled(params: QuantParams) -> str:
    """Scale and zero point for a message."""
    return f"{params.scale[0]:.9g}, {params.zero_point[0]}"


class GivenGrids:
    """Chooses, group by group, a grid that holds whatever the file rounds there.

    Args:
        plan: The groups.
        said: Activation → the grids the file rounds it to.
        factors: How many times as large an activation is in the plan's graph as in the file; 1 where it is not named.
        tell: Told each grid that could not be kept.

    Raises:
        UnsupportedError: An activation is rounded nowhere.
    """

    def __init__(
        self, plan: Plan, said: Mapping[str, tuple[SaidGrid, ...]], factors: Mapping[str, float], tell: Tell
    ) -> None:
        self._plan, self._said, self._factors, self._tell = plan, said, factors, tell
        self._chosen: dict[int, QuantParams] = {}
        self._open: set[int] = set()
        self.of_groups = [self._grid(index) for index in range(len(plan.groups))]
        """In the order of the plan's groups."""

    def in_pixels(self, name: str, grid: SaidGrid) -> QuantParams:
        """What the file says of an activation, in the plan's units."""
        return scaled(grid.params, self._factors.get(name, 1.0))

    def _grid(self, index: int) -> QuantParams:
        if index not in self._chosen:
            self._open.add(index)
            group = self._plan.groups[index]
            self._chosen[index] = group.given or _covering(list(self._wanted(group.tensors)))
            self._tell_changes(group.tensors, self._chosen[index], given=group.given)
        return self._chosen[index]

    def _tell_changes(self, tensors: tuple[str, ...], chosen: QuantParams, *, given: QuantParams | None) -> None:
        said = [(name, grid) for name in tensors for grid in self._said.get(name, ())]
        why = f"it shares its grid with {said[-1][1].where}" if said else ""
        if given is not None:
            why = "it holds raw pixels" if given == PIXELS else "LOGISTIC writes no other"
        for name, grid in said:
            if (found := self.in_pixels(name, grid)) != chosen:
                self._tell(grid, f"{why}: {spelled(found)} became {spelled(chosen)}")

    def _wanted(self, tensors: tuple[str, ...]) -> Iterator[QuantParams]:
        """The grids on which the ops that compute read a group's tensors.

        What only a clip reads, or an op that moves codes, may lie on the grid of what comes after.
        """
        for name in tensors:
            readers = self._plan.graph.consumers(name)
            if name in self._plan.graph.outputs or any(not isinstance(reader.op, SHARING) for reader in readers):
                yield from self._said_before(name)

    def _said_before(self, name: str) -> Iterator[QuantParams]:
        """The last grid that the file says of a tensor, or of what it is made of."""
        graph = self._plan.graph
        node = graph.producer(name)
        if grids := self._said.get(name):
            yield self.in_pixels(name, grids[-1])
        elif node is not None and isinstance(node.op, SHARING):
            for tensor in graph.activations(node):
                yield from self._said_before(tensor.name)
        else:
            yield self._said_after(name) or self._derived(name, node)

    def _said_after(self, name: str) -> QuantParams | None:
        """The grid that the file says of a tensor where it has been moved."""
        for reader in self._plan.graph.consumers(name):
            if isinstance(reader.op, MOVING):
                if grids := self._said.get(reader.output):
                    return self.in_pixels(reader.output, grids[-1])
                if (found := self._said_after(reader.output)) is not None:
                    return found
        return None

    def _derived(self, name: str, node: Node | None) -> QuantParams:
        """The grid of an input copied by a one-hot convolution, or multiplied by one positive value: the same codes."""
        factor = None if node is None else _factor(self._plan, node)
        if node is not None and factor is not None:
            index = self._plan.group_of[self._plan.graph.activations(node)[0].name]
            if index in self._chosen or index not in self._open:
                return scaled(self._grid(index), factor)
        hint = "quantize every activation of the file, or quantize the float network with sr2tflite ptq"
        raise UnsupportedError("is rounded nowhere in the file; expected QuantizeLinear", where=name, hint=hint)


def _covering(wanted: list[QuantParams]) -> QuantParams:
    """The last of some grids whose ends are within half a step of all the others'; else one made to hold them."""
    low, high = min(span(params)[0] for params in wanted), max(span(params)[1] for params in wanted)
    for params in reversed(wanted):
        (least, most), half = span(params), params.scale[0] / 2
        if least - half <= low and high <= most + half:
            return params
    return affine(low, high)


def _factor(plan: Plan, node: Node) -> float | None:
    """What an op multiplies all codes' values by; None where it does anything else."""
    if copies(plan, node):
        return 1.0
    data = next((plan.graph.tensors[name].data for name in node.inputs if plan.graph.tensors[name].is_constant), None)
    if not isinstance(node.op, ops.Mul) or node.op.activation != "NONE" or data is None:
        return None
    return float(data.flat[0]) if np.all(data == data.flat[0]) and data.flat[0] > 0 else None


def copies(plan: Plan, node: Node) -> bool:
    """Whether a convolution only copies channels: 1×1, one-hot, no bias."""
    if not isinstance(node.op, ops.Conv2D) or node.op.stride != (1, 1):
        return False
    weight, bias = (plan.graph.tensors[name].data for name in node.inputs[1:])
    if weight is None or bias is None or weight.shape[1:3] != (1, 1) or bias.any():
        return False
    return bool(np.isin(weight, (0, 1)).all() and (weight.sum((1, 2, 3)) == 1).all())
