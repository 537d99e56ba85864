"""The residual block of EDSR and of SRResNet without batch normalization."""

from torch import Tensor, nn

from sr2tflite.networks.blocks.start import fade


class ResidualBlock(nn.Module):
    """``y = x + scale · W₂ * ReLU(W₁ * x)``: the sum stays one in the file, and nothing is clipped behind it.

    References:
        Enhanced Deep Residual Networks for Single Image Super-Resolution (Lim et al., 2017),
        https://arxiv.org/abs/1707.02921, figure 2c and section 3.3.

    Args:
        channels: C, in and out.
        scale: What the branch is multiplied by; 1 leaves it.
    """

    def __init__(self, channels: int, scale: float = 1.0) -> None:
        super().__init__()
        last = nn.Conv2d(channels, channels, 3, padding=1)
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(inplace=True), last)
        self.scale = scale
        fade(last)

    def forward(self, x: Tensor) -> Tensor:
        """N·C·H·W to N·C·H·W."""
        y: Tensor = self.body(x)
        return x + (y if self.scale == 1 else y * self.scale)
