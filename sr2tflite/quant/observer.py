"""Ranges that follow what training sees, before gradients take over: a moving average of each batch's ends."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.quant.limits import Range
from sr2tflite.quant.ranges import ranges_in
from sr2tflite.quant.settings import PtqSettings, QatSettings
from sr2tflite.quant.view import QuantizedView

Smallest = Callable[[Tensor], Tensor]
"""The smallest of every process's values, element by element."""


class RangeObserver:
    """``e ← e + c·(e_batch − e)`` for both ends of every learned range, in the first share of a training.

    The ends of a batch are those that calibration would choose on it, with the weights as they are rounded now. What
    is averaged *is* the range of the view, so a saved view holds the whole state, and the forward after :meth:`see`
    is on the grids that the file would have at that moment.

    Args:
        view: Whose ranges move.
        settings: Until when, how fast, and what an end of a batch is.
        smallest: What processes that see a part of the batch each exchange their ends by.

    References:
        arXiv 2604.20291, "deploy-before-QAT", step 4, epochs 0…30 of 150. As the authors ran it (PyTorch's moving
        average of minimum and maximum, c = 0.01) it starts from the first batch, here from calibration; and a batch is
        seen without the rounding of activations.
    """

    def __init__(self, view: QuantizedView, settings: QatSettings, smallest: Smallest = lambda values: values) -> None:
        self._view, self._until, self._rate = view, settings.observe_until, settings.observe_rate
        keeps_all = settings.observe_percentile == 100
        self._ends = PtqSettings(method="minmax" if keeps_all else "percentile", percentile=settings.observe_percentile)
        self._smallest = smallest
        self._held: Tensor | None = None

    def see(self, lr: Tensor, progress: float) -> None:
        """Take in a batch, before the forward on it.

        Args:
            lr: Batch × 3 × height × width, integers 0…255.
            progress: The share of the training that is over; from ``observe_until`` on nothing happens.
        """
        self._held = None
        if progress >= self._until:
            return
        view, ranges = self._view, self._view.ranges()
        for index, batch in self._ends_of(lr).items():
            low, high = (old + self._rate * (new - old) for old, new in zip(ranges[index], batch, strict=True))
            view.set_range(view.plan.groups[index].tensors[0], Range(low, high))
        self._held = view.relative_range.detach().clone()

    def hold(self) -> None:
        """Take back what the optimizer did to ranges that are observed; call it after each of its steps."""
        if self._held is not None:
            with torch.no_grad():
                self._view.relative_range.copy_(self._held)

    def _ends_of(self, lr: Tensor) -> dict[int, Range]:
        plan = replace(self._view.plan, graph=dequantized(self._view.freeze()))
        found = ranges_in(plan, lr, self._ends)
        ends = torch.tensor([(low, -high) for low, high in found.values()], dtype=torch.float64, device=lr.device)
        together = self._smallest(ends).tolist()
        return {index: Range(low, -minus_high) for index, (low, minus_high) in zip(found, together, strict=True)}
