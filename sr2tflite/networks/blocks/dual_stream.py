"""A convolution in which the last three channels are an image that only the image may change."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

COLORS = 3


class DualStreamConv(nn.Module):
    """``f' = W_ff * f + W_fr * r + b_f; r' = W_rr * r + b_r``, as one 3×3 over the channels of f and r together.

    ``W_rr`` starts as the identity and ``b_r`` as zero: an image is nowhere negative, so it passes every ReLU behind
    such a convolution unchanged.

    References:
        Equivalent Transformation and Dual Stream Network Construction for Mobile Image Super-Resolution (Chao et al.,
        2023), CVPR 2023, section 3.3 and the initialization of the released code; there three convolutions, here one.

    Args:
        inputs: Input channels; the last three hold the image, or all where there are three.
        outputs: Output channels, more than three; the last three hold the image.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.mask: Tensor
        mask = torch.ones(outputs, inputs, 1, 1)
        mask[-COLORS:, :-COLORS] = 0
        self.register_buffer("mask", mask, persistent=False)
        with torch.no_grad():
            self.conv.weight[-COLORS:] = 0
            self.conv.weight[-COLORS:, -COLORS:, 1, 1] = torch.eye(COLORS)
            self.conv.bias[-COLORS:] = 0  # type: ignore[index]  # there is a bias

    def forward(self, x: Tensor) -> Tensor:
        """N·inputs·H·W to N·outputs·H·W."""
        return F.conv2d(x, self.conv.weight * self.mask, self.conv.bias, padding=1)
