"""The MobileOne block: k parallel 3×3 convolutions, a 1×1 and the identity, each batch-normalized, then ReLU."""

from torch import Tensor, nn


class MobileOneBlock(nn.Module):
    """``y = ReLU(Σᵢ BNᵢ(Wᵢ * x) + BN₁(W₁ₓ₁ * x) + BN₀(x))``.

    The k convolutions are one convolution with k·C outputs: the same branches, computed in one call.

    References:
        MobileOne (Vasu et al., 2022), https://arxiv.org/abs/2206.04040, figure 3, without depthwise convolutions.

    Args:
        channels: C, in and out.
        branches: k.
    """

    def __init__(self, channels: int, branches: int) -> None:
        super().__init__()
        self.channels = channels
        self.branches = branches
        self.convs = nn.Conv2d(channels, branches * channels, 3, padding=1, bias=False)
        self.convs_norm = nn.BatchNorm2d(branches * channels)
        self.point = nn.Conv2d(channels, channels, 1, bias=False)
        self.point_norm = nn.BatchNorm2d(channels)
        self.identity_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """N·C·H·W to N·C·H·W."""
        branches = self.convs_norm(self.convs(x)).unflatten(1, (self.branches, self.channels)).sum(1)
        y: Tensor = branches + self.point_norm(self.point(x)) + self.identity_norm(x)
        return y.relu()
