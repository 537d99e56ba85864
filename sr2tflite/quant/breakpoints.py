"""The breakpoints of activations in two branches, each moved as one number: one branch's end, the other's bias."""

from collections.abc import Iterator
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from sr2tflite.graph.passes.two_branches import OUTLIER, limit_of
from sr2tflite.quant.branches import Branching

if TYPE_CHECKING:
    from sr2tflite.quant.view import QuantizedView

SMALLEST = 2.0**-10
"""No breakpoint goes below, in pixels."""


class Breakpoints:
    """``a = min(a, bp) + relu(Wx + b − bp)`` for every bp: what moves is where the codes of two branches meet.

    ``∂L/∂bp = (u/bp)·∂L/∂u − Σ_c ∂L/∂b_c``, u the end of the first branch's range, which keeps its share of bp, b the
    biases of the second.

    Args:
        view: Its split activations.
    """

    def __init__(self, view: "QuantizedView") -> None:
        self._view, self._split = view, [layer for layer in view.branchings if layer.split]
        self.gains = [nn.Parameter(torch.ones(1)) for _ in self._split]
        """Of each breakpoint, relative to where it started."""
        self._applied = [1.0 for _ in self._split]
        for row in self._rows():
            self._limits[row, 1] = inf  # an end at its bound would pass no gradient outwards

    def collect(self) -> None:
        """From the gradients of ends and biases."""
        view = self._view
        assert view.relative_range.grad is not None
        for layer, gain, applied, row in zip(self._split, self.gains, self._applied, self._rows(), strict=True):
            bias = view.layer(layer.tensor + OUTLIER).bias
            assert bias.grad is not None
            # ends are told in range units, so that u·∂L/∂u is the same product there
            pulled = view.relative_range[row, 1].detach() * view.relative_range.grad[row, 1]
            gain.grad = (pulled / applied - bias.grad.sum() * layer.breakpoint).reshape(1)

    def apply(self) -> None:
        """Move ends, biases and the float graph to what the breakpoints have become."""
        moved = [
            max(float(gain.detach()), SMALLEST / one.breakpoint)
            for gain, one in zip(self.gains, self._split, strict=True)
        ]
        if moved == self._applied:
            return
        for layer, row, now, before in zip(self._split, self._rows(), moved, self._applied, strict=True):
            with torch.no_grad():
                self._view.relative_range[row, 1] *= now / before
                self._view.layer(layer.tensor + OUTLIER).bias.sub_((now - before) * layer.breakpoint)
            self._replan(layer, now)
        self._applied = moved

    def close(self) -> None:
        """Bound the ends again, and say where the breakpoints are."""
        view = self._view
        for row, high in zip(self._rows(), self._highs(), strict=True):
            self._limits[row, 1] = high
        where = {layer.tensor: high for layer, high in zip(self._split, self._highs(), strict=True)}
        view.branchings = tuple(
            replace(layer, breakpoint=where.get(layer.tensor, layer.breakpoint)) for layer in view.branchings
        )

    @property
    def _limits(self) -> Tensor:
        return cast(Tensor, self._view.range_limits)

    def _rows(self) -> Iterator[int]:
        return (self._view.row_of(layer.tensor) for layer in self._split)

    def _highs(self) -> Iterator[float]:
        plan = self._view.plan
        return (plan.groups[plan.group_of[layer.tensor]].high for layer in self._split)

    def _replan(self, layer: Branching, gain: float) -> None:
        """The plan with another breakpoint: its bound, its MINIMUM, the float bias beyond it."""
        plan, name = self._view.plan, layer.tensor
        graph, limit = plan.graph.copy(), np.float32(layer.breakpoint * gain)
        graph.update(limit_of(name), data=np.full((1, 1, 1, 1), limit, np.float32))
        plain, lowered = (graph.producer(one) for one in (name, name + OUTLIER))
        assert plain is not None
        assert lowered is not None
        bias = graph.tensors[plain.inputs[2]].data
        assert bias is not None
        graph.update(lowered.inputs[2], data=(bias - limit).astype(np.float32))
        groups, index = list(plan.groups), plan.group_of[name]
        groups[index] = replace(groups[index], high=float(limit))
        self._view.plan = replace(plan, graph=graph, groups=tuple(groups))
