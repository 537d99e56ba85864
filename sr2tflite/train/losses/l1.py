"""L1: the mean absolute difference."""

from torch import Tensor

from sr2tflite.train.losses import LOSSES, WHITE, Loss, Sample


@LOSSES.register("l1")
class L1(Loss):
    """``mean|sr − hr| / 255``."""

    def __call__(self, sample: Sample) -> Tensor:
        """Of every element."""
        return ((sample.sr - sample.hr) / WHITE).abs().mean()
