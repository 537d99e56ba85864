"""Weight clipping: after each optimizer step, weights go back within bounds, so that no outlier sets a scale."""

from typing import cast

import torch
from torch import Tensor, nn

from sr2tflite.quant.layers import ConvLayer
from sr2tflite.quant.settings import FixedClip, PercentileClip, SigmaClip, WeightClip
from sr2tflite.quant.view import QuantizedView


class WeightClipper:
    """What to call after each optimizer step: ``W ← clip(W, −c, c)``, c per layer or channel, found once, here.

    Args:
        view: The module whose convolution weights are clipped.
        settings: The rule for the bounds; None clips nothing.

    References:
        arXiv 2604.20291, "deploy-before-QAT", step 5, which gives no bounds; the fixed ones are the authors' own.
    """

    def __init__(self, view: QuantizedView, settings: WeightClip | None) -> None:
        self.bounds: list[tuple[Tensor, Tensor]] = []
        if settings is not None:
            layers = [cast(ConvLayer, layer) for layer in view.layers]
            self.bounds = [(layer.weight, _bound(layer, settings)) for layer in layers]

    def __call__(self, _module: nn.Module | None = None) -> None:
        """Clip now."""
        with torch.no_grad():
            for weight, bound in self.bounds:
                limit = bound.to(weight.device)  # where training has moved it since
                weight.clamp_(-limit, limit)


def _bound(layer: ConvLayer, settings: WeightClip) -> Tensor:
    """c, shaped to broadcast against the weights OIHW."""
    values = layer.weight.detach()
    match settings:
        case FixedClip(body=body, others=others):
            fixed = values.new_tensor(body if layer.keeps_channels else others)
            return torch.maximum(fixed, values.abs().max())  # equalized channels may start beyond it
        case SigmaClip(k=k):
            return k * _rows(values, settings.per_channel).std(1, correction=0).reshape(-1, 1, 1, 1)
        case PercentileClip(percentile=percentile):
            magnitudes = _rows(values, settings.per_channel).abs()
            return magnitudes.quantile(percentile / 100, 1).reshape(-1, 1, 1, 1)


def _rows(weight: Tensor, per_channel: bool) -> Tensor:
    """The weights that share a bound, one row each."""
    return weight.reshape(len(weight) if per_channel else 1, -1)
