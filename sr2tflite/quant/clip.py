"""Weight clipping: after each optimizer step, weights go back within bounds, so that no outlier sets a scale."""

import torch
from torch import Tensor, nn

from sr2tflite.quant.settings import FixedClip, PercentileClip, SigmaClip, WeightClip
from sr2tflite.quant.view import QuantizedView


class WeightClipper:
    """What to call after each optimizer step: ``W ← clip(W, −c, c)`` with one bound c per layer, found once, here.

    Args:
        view: The module whose convolution weights are clipped.
        settings: The rule for the bounds; None clips nothing.
    """

    def __init__(self, view: QuantizedView, settings: WeightClip | None) -> None:
        self.bounds = [] if settings is None else [(weight, _bound(weight, settings)) for weight in view.weights()]

    def __call__(self, _module: nn.Module | None = None) -> None:
        """Clip now."""
        with torch.no_grad():
            for weight, bound in self.bounds:
                weight.clamp_(-bound, bound)


def _bound(weight: Tensor, settings: WeightClip) -> float:
    values = weight.detach()
    match settings:
        case FixedClip(body=body, others=others):
            fixed = body if weight.shape[0] == weight.shape[1] else others
            return max(fixed, float(values.abs().max()))  # equalized channels may start beyond it
        case SigmaClip(k=k):
            return k * float(values.std(correction=0))
        case PercentileClip(percentile=percentile):
            return float(values.abs().flatten().quantile(percentile / 100))
