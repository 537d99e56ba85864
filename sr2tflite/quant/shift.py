"""Learned shifts of activations, folded into the bias of the convolution that writes them."""

from math import ceil, log2

import torch
from torch import Tensor, nn

from sr2tflite.graph import ops
from sr2tflite.quant.layers import Fold
from sr2tflite.quant.view import QuantizedView

_WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)


class Shift(Fold):
    """``b ← b + τ``, τ one per output channel, in steps of a unit, from zero.

    Args:
        channels: C.
        unit: What τ is measured in, so that one learning rate fits activations of any size.
    """

    def __init__(self, channels: int, unit: float) -> None:
        super().__init__()
        self.unit = unit
        self.tau = nn.Parameter(torch.zeros(channels))

    def forward(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Weights OIHW as they are, bias O with the shift."""
        return weight, bias + self.unit * self.tau


def add_shifts(view: QuantizedView) -> list[Shift]:
    """Shift what a convolution reads that nothing else does, where a convolution writes it.

    Without an activation between, ``W * (x + τ)`` with x padded by −τ is what is computed: exact in ℝ. A ReLU between
    is passed before: ``ReLU(x + τ)``, which is ``ReLU(x) + τ`` clipped at zero where τ ≤ 0.

    Returns:
        The shifts, in execution order.
    """
    graph, ranges, shifts = view.plan.graph, view.ranges(), []
    for name in view.layer_names():
        readers = graph.consumers(name)
        index = view.plan.group_of[name]
        if len(readers) != 1 or not isinstance(readers[0].op, _WINDOWS) or index not in ranges:
            continue
        layer, (low, high) = view.layer(name), ranges[index]
        shift = Shift(len(layer.weight), 2.0 ** ceil(log2(high - low)))
        layer.folds.append(shift)
        shifts.append(shift)
    return shifts


def shifts_of(view: QuantizedView) -> list[Shift]:
    """The shifts a view has."""
    folds = [fold for name in view.layer_names() for fold in view.layer(name).folds]
    return [fold for fold in folds if isinstance(fold, Shift)]
