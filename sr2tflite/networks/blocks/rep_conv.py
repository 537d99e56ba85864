"""A small re-parameterizable convolution without batch normalization: 3×3 + 1×1 + identity, then ReLU."""

from torch import Tensor, nn


class RepConv(nn.Module):
    """``y = ReLU(W₃ₓ₃ * x + b + W₁ₓ₁ * x + x)``.

    References:
        RepVGG (Ding et al., 2021), https://arxiv.org/abs/2101.03697, figure 4, without batch normalization, which costs
        INT8 accuracy and, on a few CPU cores, most of the training time.

    Args:
        channels: C, in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.point = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv.weight.data.mul_(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """N·C·H·W to N·C·H·W."""
        y: Tensor = self.conv(x) + self.point(x) + x
        return y.relu()
