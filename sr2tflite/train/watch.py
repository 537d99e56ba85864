"""Finding the first step that went wrong, without waiting for the device at every one."""

import math

import torch
from torch import Tensor

from sr2tflite.train.devices import Team

WHAT = ("the loss", "the gradient")


class Watch:
    """Notes on the device the first step whose loss, and the first whose gradient, was not finite.

    Args:
        device: Where losses are.
    """

    def __init__(self, device: torch.device) -> None:
        self._first = torch.full((2,), math.inf, device=device)

    def see(self, step: int, loss: Tensor, gradient_norm: Tensor) -> None:
        """Look at a step; nothing is read back."""
        values = torch.stack([loss.detach().float(), gradient_norm.detach().float()])
        noted = torch.where(values.isfinite(), math.inf, float(step))
        self._first = torch.minimum(self._first, noted)

    def found(self, team: Team) -> tuple[int, str] | None:
        """(step, what) of the first that was not finite on any device; None as long as all are. Waits for the device.

        Every process of the team must ask.
        """
        firsts = team.smallest(self._first).tolist()
        step = min(firsts)
        return None if math.isinf(step) else (int(step), WHAT[firsts.index(step)])
