"""Residual blocks that go for good while training goes on."""

from typing import cast

import torch
from torch import Tensor, nn

from sr2tflite.quant.shortcuts import Shortcuts
from sr2tflite.quant.view import QuantizedView

MICRO = 1e6
"""What is remembered in dB is so in millionths, whole numbers, which no average of weights touches."""


class Slimming(nn.Module):
    """Which blocks go, and when: always the one with the largest shortcut, which is 1 from then on.

    The first goes at ``begin``, each other when a validation is as good as the best before, and the j-th of n (from
    zero) at the latest at ``begin + (end − begin)·j/(n − 1)``.

    Args:
        shortcuts: Of the view; a block left out is an identity.
        count: n, how many go.
        begin: In shares of the training.
        end: When the last has gone.
    """

    best: Tensor
    is_due: Tensor

    def __init__(self, shortcuts: Shortcuts, count: int, begin: float, end: float) -> None:
        super().__init__()
        self._shortcuts = (shortcuts,)
        self._latest = [begin + (end - begin) * number / max(count - 1, 1) for number in range(count)]
        self.register_buffer("best", torch.tensor(torch.iinfo(torch.int64).min))
        self.register_buffer("is_due", torch.tensor(False))

    @property
    def gone(self) -> int:
        """How many blocks have gone."""
        return int(self._shortcuts[0].off.sum())

    @property
    def is_done(self) -> bool:
        """Whether all have gone that should."""
        return self.gone == len(self._latest)

    def step(self, progress: float) -> None:
        """Let go what has to; the share of the training that is over is ``progress``."""
        shortcuts = self._shortcuts[0]
        while not self.is_done and (bool(self.is_due) or progress >= self._latest[self.gone]):
            shortcuts.leave_out(shortcuts.largest(shortcuts.kept())[:1])
            self.is_due.fill_(False)

    def see(self, psnr: float) -> None:
        """Take in a validation, in dB."""
        found = round(psnr * MICRO)
        self.is_due.fill_(0 < self.gone < len(self._latest) and found >= int(self.best))
        self.best.fill_(max(found, int(self.best)))


def slimming_of(view: QuantizedView) -> Slimming | None:
    """The slimming of a view."""
    return cast(Slimming, view.brought["slimming"]) if "slimming" in view.brought else None
