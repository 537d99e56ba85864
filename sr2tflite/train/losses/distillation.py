"""Output distillation that trusts the teacher where it is right."""

import torch
from pydantic import Field
from torch import Tensor

from sr2tflite.train.losses import LOSSES, WHITE, Loss, Sample


@LOSSES.register("distillation")
class Distillation(Loss):
    """``mean w(p)·|sr(p) − t(p)|`` with ``w = clip(exp(−γ·e), smallest, largest)`` and e the teacher's error.

    ``e(p) = mean over R, G, B of |t − hr|``; values / 255.

    References:
        AIO-MAI (2026), https://arxiv.org/abs/2604.20291, L_KD; γ and the bounds are the paper's.
    """

    needs_teacher = True

    gamma: float = Field(default=10.0, ge=0)
    """How fast trust falls with the teacher's error."""

    smallest: float = Field(default=0.10, ge=0)
    """Least trust."""

    largest: float = Field(default=0.75, gt=0)
    """Most trust."""

    def __call__(self, sample: Sample) -> Tensor:
        """Of every element."""
        taught = sample.of_teacher()
        error = (taught - sample.hr).abs().mean(1, keepdim=True) / WHITE
        trust = torch.exp(-self.gamma * error).clamp(self.smallest, self.largest)
        return (trust * (sample.sr - taught).abs()).mean() / WHITE
