"""Whether a network enlarges pictures at all: tells what white is where a bare state dict does not say."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 48
"""Of the picture, in pixels."""

MARGIN = 8
"""Pixels at the border, where padding shows, that do not count."""

PLAUSIBLE_DB = 20.0
"""A trained network stays above 25 dB here; a wrong white, anchor or activation gives less than 12."""


def picture() -> Tensor:
    """A smooth colored picture in 0…1, 1·3·SIDE·SIDE: few waves, so that every enlargement looks the same."""
    rows, columns = torch.meshgrid(*[torch.linspace(0, 1, SIDE)] * 2, indexing="ij")
    waves = [torch.sin(2 * math.pi * (a * rows + b * columns)) for a, b in ((1, 2), (2, -1), (0.5, 1.5))]
    return torch.stack(waves)[None] * 0.4 + 0.5


def enlargement_db(module: nn.Module, scale: int, peak: float) -> float:
    """PSNR in dB of the network's enlargement of :func:`picture` against the bicubic one, inside the border."""
    x = picture()
    want = F.interpolate(x, scale_factor=scale, mode="bicubic", align_corners=False)
    with torch.no_grad():
        got = module.eval()(x * peak) / peak
    inside = slice(MARGIN * scale, -MARGIN * scale)
    error = float((got - want)[..., inside, inside].clamp(-1e3, 1e3).square().mean())
    return -10 * math.log10(max(error, 1e-10))
