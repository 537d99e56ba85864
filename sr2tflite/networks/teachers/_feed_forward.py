"""The two feed-forward parts of MambaIRv2: the light sizes gate with a convolution, the full ones add one."""

from torch import Tensor, nn
from torch.nn.functional import gelu

KERNEL = 5


def as_image(x: Tensor, size: tuple[int, int]) -> Tensor:
    """N·L·C as N·C·H·W."""
    return x.transpose(1, 2).reshape(len(x), -1, *size)


def as_sequence(x: Tensor) -> Tensor:
    """N·C·H·W as N·L·C."""
    return x.flatten(2).transpose(1, 2)


def depthwise(channels: int) -> nn.Conv2d:
    """A 5×5 depthwise convolution that keeps the size."""
    return nn.Conv2d(channels, channels, KERNEL, padding=KERNEL // 2, groups=channels)


class SpatialGate(nn.Module):
    """One half of the channels times a depthwise convolution of the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.conv = depthwise(channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """N·L·2C to N·L·C."""
        kept, gate = x.chunk(2, dim=-1)
        return kept * as_sequence(self.conv(as_image(self.norm(gate), size)))


class GatedFeedForward(nn.Module):
    """``fc2(gate(gelu(fc1 x)))``."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.sg = SpatialGate(hidden // 2)
        self.fc2 = nn.Linear(hidden // 2, channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """N·L·C to N·L·C."""
        y: Tensor = self.fc2(self.sg(gelu(self.fc1(x)), size))
        return y


class DepthwisePart(nn.Module):
    """``gelu(depthwise(x))``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise_conv = nn.Sequential(depthwise(channels), nn.GELU())

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """N·L·C to N·L·C."""
        return as_sequence(self.depthwise_conv(as_image(x, size)))


class ConvFeedForward(nn.Module):
    """``fc2(h + depthwise(h))`` with ``h = gelu(fc1 x)``."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.dwconv = DepthwisePart(hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """N·L·C to N·L·C."""
        hidden = gelu(self.fc1(x))
        y: Tensor = self.fc2(hidden + self.dwconv(hidden, size))
        return y


def feed_forward(channels: int, hidden: int, *, gated: bool) -> nn.Module:
    """The part of a light (gated) or a full size."""
    return GatedFeedForward(channels, hidden) if gated else ConvFeedForward(channels, hidden)
