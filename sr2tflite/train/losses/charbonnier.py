"""Charbonnier: a differentiable L1."""

from pydantic import Field
from torch import Tensor

from sr2tflite.train.losses import LOSSES, WHITE, Loss, Sample


@LOSSES.register("charbonnier")
class Charbonnier(Loss):
    """``mean √(d² + ε²)`` with ``d = (sr − hr) / 255``.

    References:
        Deep Laplacian Pyramid Networks (Lai et al., 2017), https://arxiv.org/abs/1704.03915, section 3.3; with this ε
        in stages 2 and 3 of AIO-MAI (2026), https://arxiv.org/abs/2604.20291.
    """

    epsilon: float = Field(default=1e-3, gt=0)
    """Below this difference, of a range of 1, it is quadratic, above it linear."""

    def __call__(self, sample: Sample) -> Tensor:
        """Of every element."""
        difference = (sample.sr - sample.hr) / WHITE
        return (difference.square() + self.epsilon**2).sqrt().mean()
