"""The redistribution quantizer: rounding whose gradient is largest where a value is about to change its code."""

import math

import torch
from torch import Tensor

from sr2tflite.quant.functions import Rounding
from sr2tflite.quant.weights import LearnedClip, straight

TANH_HALF = math.tanh(0.5)


def redistributed(v: Tensor) -> Tensor:
    """``φ(v) = ⌊v⌋ + ½ + tanh(v − ⌊v⌋ − ½)/(2·tanh ½)``: continuous, and v itself at whole and half steps.

    References:
        QuantSR: Accurate Low-bit Quantization for Efficient Image Super-Resolution (Qin et al., NeurIPS 2023),
        the redistribution-driven learnable quantizer, as its released code has it.
    """
    floor = v.detach().floor()
    return floor + 0.5 + torch.tanh(v - floor - 0.5) / (2 * TANH_HALF)


def redistribution_slope(v: Tensor) -> Tensor:
    """``φ′(v) = (1 − tanh²(v − ⌊v⌋ − ½))/(2·tanh ½)``: 0.851 at whole steps, 1.082 half way between two."""
    bent = torch.tanh(v - v.floor() - 0.5)
    return (1 - bent * bent) / (2 * TANH_HALF)


REDISTRIBUTED = Rounding(redistribution_slope)
"""What activations are rounded with."""


class RedistributedWeights(LearnedClip):
    """``q = clip(round(w/s), −L, L)`` with a learned s, whose rounding has the gradient φ′.

    The paper's codes are −2^(b−1) … 2^(b−1) − 1; here the lowest is left out, as TFLite's weights have it.
    """

    def rounded(self, ratio: Tensor, codes: Tensor) -> Tensor:
        """Codes with the gradient φ′(r)."""
        return straight(redistributed(ratio), codes)
