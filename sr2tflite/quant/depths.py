"""One set of weights for several depths: how many residual blocks are left out, and which."""

from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn

from sr2tflite.quant.shortcuts import Shortcuts
from sr2tflite.quant.view import QuantizedView

SHARES = {"all": 1.0, "half": 0.5, "quarter": 0.25}
"""Of the blocks that a depth keeps."""


class Depths(nn.Module):
    """Three depths of one network: all residual blocks, half and a quarter of them.

    Which blocks a depth lacks is decided once: those of the largest shortcuts, which say most of what passes them by.
    In the shallower ones a block gives ``α_k·x``.

    Args:
        shortcuts: Of the view.
        depth: That of the file; the view has it from the decision on.
    """

    order: Tensor

    def __init__(self, shortcuts: Shortcuts, depth: str) -> None:
        super().__init__()
        self._shortcuts, self._depth = (shortcuts,), depth
        self.register_buffer("order", torch.full((len(shortcuts.blocks),), -1))

    @property
    def are_decided(self) -> bool:
        """Whether it is known which blocks go first."""
        return int(self.order[0]) >= 0

    def decide(self) -> None:
        """Rank the blocks, and give the view its depth."""
        shortcuts = self._shortcuts[0]
        ranked = shortcuts.largest(range(len(shortcuts.blocks)))
        self.order.copy_(torch.tensor(ranked))
        shortcuts.leave_out(self._lacking(self._depth))

    def forms(self) -> list[AbstractContextManager[None]]:
        """The view as it is at each depth; as it is now before the decision."""
        if not self.are_decided:
            return [nullcontext()]
        return [self._shortcuts[0].only_without(self._lacking(depth)) for depth in SHARES]

    def _lacking(self, depth: str) -> list[int]:
        ranked: list[int] = self.order.tolist()
        return ranked[: len(ranked) - max(1, round(SHARES[depth] * len(ranked)))]


def depths_of(view: QuantizedView) -> Depths | None:
    """The depths a view has."""
    return cast(Depths, view.brought["depths"]) if "depths" in view.brought else None
