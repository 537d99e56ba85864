"""The codes of slopes and constant operands, from those that a file says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Node, ops
from sr2tflite.graph.said import SaidConstant
from sr2tflite.numerics.qparams import WEIGHT_LIMIT, QuantParams, quantize
from sr2tflite.quant.compute import stored_constant
from sr2tflite.quant.given_grids import scaled, spelled
from sr2tflite.quant.plan import Plan, constant_operand
from sr2tflite.quant.slopes import SlopeLayer

Tell = Callable[[SaidConstant, str], None]
Stored = tuple[str, NDArray[np.int8], QuantParams]

_SAME = 2.0**-21
"""Values that differ by less, as a part of the largest, are one constant in two units."""


class GivenConstants:
    """Finds the constants of a graph among those of the file, by their values.

    Args:
        plan: The graph.
        said: The file's constants.
        factors: How many times as large an activation is in the plan's graph as in the file; 1 where it is not named.
        tell: Told each constant that could not be kept, and why.
    """

    def __init__(self, plan: Plan, said: Sequence[SaidConstant], factors: Mapping[str, float], tell: Tell) -> None:
        self._plan, self._left, self._factors, self._tell = plan, list(said), factors, tell

    def stored(self, grids: Sequence[QuantParams]) -> Iterator[Stored]:
        """Name, codes and parameters of every constant but those of convolutions.

        Args:
            grids: Of the plan's groups.
        """
        for node in self._plan.graph.nodes:
            if isinstance(node.op, ops.PRelu):
                yield self._slopes(node)
            elif (found := self._operand(node, grids)) is not None:
                yield found
        for constant in self._left:
            self._tell(constant, "no constant of the deploy graph holds its values: quantized by formula")

    def _slopes(self, node: Node) -> Stored:
        """The file's slopes where they are symmetric, else ``s = max|slope|/127``."""
        name = node.inputs[1]
        data = self._plan.graph.tensors[name].data
        assert data is not None
        known = self._known(data, (1.0,))
        if known is not None:
            constant, params = known
            if params.zero_point == (0,) and np.abs(constant.codes).max() <= WEIGHT_LIMIT:
                return name, quantize(data, params, "int8", WEIGHT_LIMIT), params
            self._tell(constant, "its slopes are asymmetric: quantized again, symmetric, s = max|slope|/127")
        return name, *SlopeLayer(self._plan.graph, node).stored()

    def _operand(self, node: Node, grids: Sequence[QuantParams]) -> Stored | None:
        name = constant_operand(self._plan.graph, node)
        known = None
        if name is not None:
            data = self._plan.graph.tensors[name].data
            assert data is not None
            known = self._known(data, (self._factors.get(node.output, 1.0), 1.0))
        if name is None or known is None:
            return stored_constant(self._plan, node, grids)
        constant, params = known
        found = stored_constant(replace(self._plan, kept={name: params}), node, grids)
        assert found is not None
        if found[2] != params:
            self._tell(constant, f"the kernel takes no scale so small: {spelled(params)} became {spelled(found[2])}")
        return found

    def _known(self, data: NDArray[Any], factors: tuple[float, ...]) -> tuple[SaidConstant, QuantParams] | None:
        """The file's constant of the same values, or of their negatives, and its parameters in the plan's units.

        A negative value's code is ``~q`` on the grid with zero point ``~z``: ``~q − ~z = −(q − z)``.
        """
        wanted = np.unique(data)
        for constant in self._left:
            for factor in factors:
                params, values = scaled(constant.params, factor), constant.values * np.float32(factor)
                mirrored = replace(params, zero_point=(~params.zero_point[0],))
                for side, unique in ((params, np.unique(values)), (mirrored, np.unique(-values))):
                    if len(unique) == len(wanted) and _agree(unique, wanted):
                        self._left.remove(constant)
                        return constant, side
        return None


def _agree(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return bool(np.abs(one - other).max() <= _SAME * np.abs(other).max())
