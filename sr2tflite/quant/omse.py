"""Weight scales of the least squared error: a few large weights saturate, and all others get finer codes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.quant.rounding import covariances
from sr2tflite.quant.weights import LearnedClip

if TYPE_CHECKING:
    from sr2tflite.quant.view import QuantizedView

STEPS = 100
"""Clips looked at: 1 %, 2 % … 100 % of the largest magnitude."""

SMALLEST = 1e-12


def least_error_clip(weight: Tensor, limit: int, *, per_channel: bool, covariance: Tensor | None = None) -> Tensor:
    """The c that leaves ``Σ Δ·C·Δ``, ``Δ = w − s·clip(round(w/s), −L, L)``, least, ``s = c/L``; the largest of equals.

    References:
        Low-bit Quantization of Neural Networks for Efficient Inference (Choukroun et al., 2019),
        https://arxiv.org/abs/1902.06822, section 3 (MMSE, there without C), found by search.

    Args:
        weight: OIHW.
        limit: L, the largest code.
        per_channel: Whether every output channel has a clip of its own.
        covariance: C of what the taps of a channel multiply, float64; the error is then the output's. None is 1.

    Returns:
        One value per output channel, or one.
    """
    rows = weight.detach().double().flatten(1)
    largest = (rows.abs().amax(1, keepdim=True) if per_channel else rows.abs().amax().reshape(1, 1)).clamp(min=SMALLEST)
    best, least = largest.clone(), torch.full_like(largest, torch.inf)
    for step in range(STEPS, 0, -1):
        clip = largest * (step / STEPS)
        scale = clip / limit
        apart = rows - scale * (rows / scale).round().clamp(-limit, limit)
        costs = ((apart if covariance is None else apart @ covariance) * apart).sum(1, keepdim=True)
        error = costs if per_channel else costs.sum().reshape(1, 1)
        best, least = torch.where(error < least, clip, best), torch.minimum(error, least)
    return best[:, 0].to(weight.dtype)


def clip_weights(view: "QuantizedView", images: Sequence[NDArray[np.uint8]], error: Literal["mse", "output"]) -> None:
    """Give every convolution of a view the clip of the least error, which training may move from there.

    Args:
        view: Its convolutions get other quantizers.
        images: Low-resolution images, uint8, height × width × 3.
        error: ``mse`` of the weights, or of each layer's ``output`` on the images; depthwise and grouped convolutions
            have the former.
    """
    found = covariances(view, images) if error == "output" else {}
    for name in view.layer_names():
        layer = view.layer(name)
        limit, covariance = layer.quantizer.limit, found.get(name)
        clip = least_error_clip(
            layer.weight,
            limit,
            per_channel=layer.per_channel,
            covariance=None if covariance is None else torch.from_numpy(covariance),
        )
        layer.quantizer = LearnedClip(limit, clip)
