"""Residual distillation: the teacher's details, every pixel alike."""

from torch import Tensor

from sr2tflite.train.losses import LOSSES, WHITE, Loss, Sample


@LOSSES.register("residual")
class Residual(Loss):
    """``mean|(sr − b) − (t − b)| / 255``; the bicubic b cancels: it is the plain L1 distance to the teacher.

    References:
        AIO-MAI (2026), https://arxiv.org/abs/2604.20291, the residual term of stage 3 as the authors ran it.
    """

    needs_teacher = True

    def __call__(self, sample: Sample) -> Tensor:
        """Of every element."""
        return (sample.sr - sample.of_teacher()).abs().mean() / WHITE
