"""Whole networks as their papers publish them, small and with random weights, for fusing."""

import torch
import torch.nn.functional as F
from kit.blocks import three_then_one
from torch import Tensor, nn


def three(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def copies(x: Tensor, scale: int) -> Tensor:
    return x.repeat_interleave(scale**2, 1)


class Xlsr(nn.Module):
    """Four parallel 3×3 side by side, a grouped block by splitting, a 3×3 beside it, clipped before the shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(three(3, 8) for _ in range(4))
        self.mix, self.out = nn.Conv2d(32, 32, 1), nn.Conv2d(32, 32, 1)
        self.groups = nn.ModuleList(three(8, 8) for _ in range(4))
        self.side, self.join, self.tail = three(3, 16), nn.Conv2d(48, 32, 1), three(32, 27)

    def forward(self, x: Tensor) -> Tensor:
        y = self.mix(torch.cat([F.relu(head(x)) for head in self.heads], 1))
        parts = torch.split(y, 8, 1)
        y = self.out(torch.cat([F.relu(conv(part)) for conv, part in zip(self.groups, parts, strict=True)], 1))
        y = F.relu(self.join(torch.cat([y, self.side(x)], 1)))
        return F.pixel_shuffle(torch.clamp(self.tail(y), 0, 1), 3)


class Etds(nn.Module):
    """Detail and image side by side through every layer: relu(cat(A(f) + B(image), image))."""

    def __init__(self, channels: int = 8, depth: int = 2) -> None:
        super().__init__()
        self.head = three(3, channels)
        self.detail = nn.ModuleList(three(channels + 3, channels) for _ in range(depth))
        self.image = nn.ModuleList(three(3, channels) for _ in range(depth))
        self.tail = three(channels + 3, 27)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(torch.cat([self.head(x), x], 1))
        for detail, image in zip(self.detail, self.image, strict=True):
            low = y[:, -3:]
            y = F.relu(torch.cat([detail(y) + image(low), low], 1))
        return F.pixel_shuffle(self.tail(y) + copies(y[:, -3:], 3), 3)


class QuickSrNet(nn.Module):
    """Hardtanh 0…1 everywhere; an input-to-output anchor."""

    def __init__(self, scale: int = 3) -> None:
        super().__init__()
        self.head, self.tail, self.scale = three(3, 8), three(8, 3 * scale**2), scale

    def forward(self, x: Tensor) -> Tensor:
        y = F.hardtanh(self.head(x), 0.0, 1.0)
        return F.pixel_shuffle(F.hardtanh(self.tail(y) + copies(x, self.scale), 0.0, 1.0), self.scale)


class SrVgg(nn.Module):
    """PReLU; the nearest enlargement is added at high resolution, in place."""

    def __init__(self, scale: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(three(3, 8), nn.PReLU(8), three(8, 8), nn.PReLU(8), three(8, 3 * scale**2))
        self.upsampler, self.scale = nn.PixelShuffle(scale), scale

    def forward(self, x: Tensor) -> Tensor:
        y = self.upsampler(self.body(x))
        y += F.interpolate(x, scale_factor=self.scale, mode="nearest")
        return y


class FsrCnn(nn.Module):
    """Shrink, map, expand, and a 9×9 transposed convolution."""

    def __init__(self, scale: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(3, 16, 5, padding=2), nn.PReLU(16), nn.Conv2d(16, 4, 1), nn.PReLU(4)),
            *(three(4, 4), nn.PReLU(4), nn.Conv2d(4, 16, 1), nn.PReLU(16)),
        )
        self.deconv = nn.ConvTranspose2d(16, 3, 9, stride=scale, padding=4, output_padding=scale - 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.deconv(self.body(x))


def linear_block(inputs: int, outputs: int, kernel: int) -> nn.Module:
    wide = nn.Conv2d(inputs, 32, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(wide, nn.Conv2d(32, outputs, 1))


class Sesr(nn.Module):
    """Collapsible linear blocks with short and long residuals, an anchor, a clip."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.head, self.tail = linear_block(3, 8, 5), linear_block(8, 3 * scale**2, 5)
        self.blocks, self.scale = nn.ModuleList(linear_block(8, 8, 3) for _ in range(2)), scale

    def forward(self, x: Tensor) -> Tensor:
        y = first = F.relu(self.head(x))
        for block in self.blocks:
            y = F.relu(block(y) + y)
        return F.pixel_shuffle(self.tail(y + first) + copies(x, self.scale), self.scale).clamp(0, 1)


class LrSrn(nn.Module):
    """RepBlocks (3×3 wide, 1×1, identity) and a feature skip."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.tail = three(3, 8), three(8, 27)
        self.blocks = nn.ModuleList(three_then_one(8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        y = first = F.relu(self.head(x))
        for block in self.blocks:
            y = F.relu(block(y) + y)
        return F.pixel_shuffle(self.tail(y + first), 3)


class EspCn(nn.Module):
    """tanh inside, sigmoid at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Conv2d(3, 8, 5, padding=2), three(8, 8), three(8, 27)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(F.pixel_shuffle(self.third(torch.tanh(self.second(torch.tanh(self.first(x))))), 3))


class SrResNet(nn.Module):
    """The first SRResNet: 9×9 ends, residual blocks with batch normalization and PReLU, two pixel shuffles."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 9, padding=4), nn.PReLU())
        norm = nn.BatchNorm2d
        self.blocks = nn.ModuleList(
            nn.Sequential(three(8, 8), norm(8), nn.PReLU(), three(8, 8), norm(8)) for _ in range(2)
        )
        self.middle = nn.Sequential(three(8, 8), norm(8))
        self.up = nn.Sequential(*(part for _ in "22" for part in (three(8, 32), nn.PixelShuffle(2), nn.PReLU())))
        self.last = nn.Conv2d(8, 3, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        y = first = self.first(x)
        for block in self.blocks:
            y = y + block(y)
        return self.last(self.up(first + self.middle(y)))
