"""What quantized training minimizes: the distance to the high-resolution image and to the float graph's own output."""

import torch
from torch import Tensor, nn

from sr2tflite.quant.settings import QatSettings

WHITE = 255.0
CHARBONNIER_EPSILON = 1e-3
"""Below this difference, of a range of 1, the Charbonnier loss is quadratic."""


class QatObjective:
    """``a·d(sr, hr) + b·mean|sr − t|``, pixels / 255; d is L1 or Charbonnier, t the float graph's output within 0…255.

    Args:
        float_view: The float deploy graph in pixel units, NCHW; it is not trained.
        settings: Which d, and the weights a and b.
    """

    def __init__(self, float_view: nn.Module, settings: QatSettings) -> None:
        self.float_view = float_view
        self.settings = settings

    def __call__(self, sr: Tensor, lr: Tensor, hr: Tensor) -> Tensor:
        """The loss of a batch; all NCHW in pixels, 0…255."""
        settings = self.settings
        loss = sr.new_zeros(())
        if settings.pixel_weight:
            loss = loss + settings.pixel_weight * self._pixel_distance(sr, hr)
        if settings.distillation_weight:
            with torch.no_grad():
                target = self.float_view(lr).clamp_(0, WHITE)
            loss = loss + settings.distillation_weight * (sr - target).abs().mean() / WHITE
        return loss

    def _pixel_distance(self, sr: Tensor, hr: Tensor) -> Tensor:
        difference = (sr - hr) / WHITE
        if self.settings.pixel_loss == "l1":
            return difference.abs().mean()
        return (difference.square() + CHARBONNIER_EPSILON**2).sqrt().mean()
