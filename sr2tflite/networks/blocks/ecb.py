"""The edge-oriented convolution block: a 3×3 beside an expansion and three edge filters."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SOBEL_X = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))
SOBEL_Y = ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0))
LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))

Mask = tuple[tuple[float, ...], ...]


class EdgeFilter(nn.Module):
    """``yᶜ = scaleᶜ · (mask * xᶜ) + biasᶜ``: a fixed filter, learned in strength alone, without padding.

    Args:
        channels: C, in and out.
        mask: 3×3.
    """

    def __init__(self, channels: int, mask: Mask) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(channels, 1, 1, 1) * 1e-3)
        self.bias = nn.Parameter(torch.randn(channels) * 1e-3)
        self.mask: Tensor
        self.register_buffer("mask", torch.tensor(mask).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """N·C·H·W to N·C·(H−2)·(W−2)."""
        return F.conv2d(x, self.scale * self.mask, self.bias, groups=len(self.bias))


class EcbConv(nn.Module):
    """``y = W₃ₓ₃ * x + Wₑ * (W₁ₓ₁ * x) + Σₘ scaleₘ · (m * (Wₘ * x))``, m one of Sobel-x, Sobel-y, Laplacian.

    Every 1×1 pads by one pixel itself, so that its frame is its bias and the 3×3 behind it needs no padding: with the
    frame at zero instead, the branch would be no 3×3 convolution at the border. The order of the weights is that of the
    authors' own block.

    References:
        Edge-oriented Convolution Block for Real-time Super Resolution on Mobile Devices (Zhang et al., 2021),
        https://doi.org/10.1145/3474085.3475291, figure 3, equations 1 to 5, as the authors' code has it: no identity.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        expansion: Channels between the 1×1 and its 3×3, in multiples of ``outputs``.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int = 2) -> None:
        super().__init__()
        middle = expansion * outputs
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.expanded = nn.Sequential(nn.Conv2d(inputs, middle, 1, padding=1), nn.Conv2d(middle, outputs, 3))
        self.edges = nn.ModuleList(
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, padding=1), EdgeFilter(outputs, mask))
            for mask in (SOBEL_X, SOBEL_Y, LAPLACIAN)
        )

    def forward(self, x: Tensor) -> Tensor:
        """N·inputs·H·W to N·outputs·H·W."""
        y: Tensor = self.conv(x) + self.expanded(x)
        for edge in self.edges:
            y = y + edge(x)
        return y
