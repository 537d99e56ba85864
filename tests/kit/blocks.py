"""Re-parameterizable blocks as their papers publish them, with random weights, for fusing."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def with_random_statistics(module: nn.Module) -> nn.Module:
    """Batch norms that have seen data: random means, variances, scales and offsets."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean, std=0.5)
            nn.init.uniform_(part.running_var, 0.3, 2.0)
            if part.affine:
                nn.init.uniform_(part.weight, -1.5, 1.5)
                nn.init.normal_(part.bias)
    return module.eval()


def conv_norm(inputs: int, outputs: int, kernel: int | tuple[int, int], **settings: object) -> nn.Sequential:
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    settings = {"padding": (height // 2, width // 2), "bias": False, **settings}
    return nn.Sequential(nn.Conv2d(inputs, outputs, (height, width), **settings), nn.BatchNorm2d(outputs))


class Sum(nn.Module):
    """The sum of parallel branches, then ReLU where wanted."""

    def __init__(self, *branches: nn.Module, relu: bool = True) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        y = sum(branch(x) for branch in self.branches)
        return F.relu(y, inplace=True) if self.relu else y


def mobile_one(channels: int, branches: int = 3) -> nn.Module:
    threes = [conv_norm(channels, channels, 3) for _ in range(branches)]
    return Sum(*threes, conv_norm(channels, channels, 1), nn.BatchNorm2d(channels))


def rep_vgg(channels: int) -> nn.Module:
    return Sum(conv_norm(channels, channels, 3), conv_norm(channels, channels, 1), nn.BatchNorm2d(channels))


def ac_net(channels: int) -> nn.Module:
    return Sum(*(conv_norm(channels, channels, kernel) for kernel in (3, (1, 3), (3, 1))))


class Padded(nn.Module):
    """1×1 with bias, its image framed with that bias by assignment in place, then an unpadded 3×3."""

    def __init__(self, inputs: int, outputs: int, middle: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, middle, 1)
        self.weight, self.bias = self.second_weight(outputs, middle)

    def second_weight(self, *sizes: int) -> tuple[nn.Parameter, nn.Parameter]:
        return nn.Parameter(torch.randn(*sizes, 3, 3)), nn.Parameter(torch.randn(sizes[0]))

    def kernel(self) -> tuple[Tensor, int]:
        return self.weight, 1

    def forward(self, x: Tensor) -> Tensor:
        framed = F.pad(self.first(x), (1, 1, 1, 1), "constant", 0)
        frame = self.first.bias.view(1, -1, 1, 1)
        framed[:, :, 0:1, :] = frame
        framed[:, :, -1:, :] = frame
        framed[:, :, :, 0:1] = frame
        framed[:, :, :, -1:] = frame
        kernel, groups = self.kernel()
        return F.conv2d(framed, kernel, self.bias, groups=groups)


class Masked(Padded):
    """The same with a depthwise 3×3 that is a fixed mask times a learned scale."""

    def __init__(self, inputs: int, outputs: int, mask: list[list[float]]) -> None:
        super().__init__(inputs, outputs, outputs)
        self.register_buffer("mask", torch.tensor(mask).expand(outputs, 1, 3, 3).clone())

    def second_weight(self, *sizes: int) -> tuple[nn.Parameter, nn.Parameter]:
        return nn.Parameter(torch.randn(sizes[0], 1, 1, 1)), nn.Parameter(torch.randn(sizes[0]))

    def kernel(self) -> tuple[Tensor, int]:
        return self.weight * self.mask, len(self.mask)


SOBEL = [[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]
LAPLACE = [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]


def ecb(inputs: int, outputs: int) -> nn.Module:
    masks = (SOBEL, [list(row) for row in zip(*SOBEL, strict=True)], LAPLACE)
    masked = [Masked(inputs, outputs, mask) for mask in masks]
    skip = [nn.Identity()] if inputs == outputs else []
    branches = (nn.Conv2d(inputs, outputs, 3, padding=1), Padded(inputs, outputs, 2 * outputs), *masked, *skip)
    return nn.Sequential(Sum(*branches, relu=False), nn.PReLU(outputs))


class NormAndPad(nn.Module):
    """Batch norm, then a frame of what it answers to zeros."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        frame = (self.norm.bias - self.norm.running_mean * scale).view(1, -1, 1, 1)
        y = F.pad(y, [1, 1, 1, 1])
        y[:, :, 0:1, :] = frame
        y[:, :, -1:, :] = frame
        y[:, :, :, 0:1] = frame
        y[:, :, :, -1:] = frame
        return y


def dbb(channels: int) -> nn.Module:
    point = nn.Conv2d(channels, channels, 1, bias=False)
    averaged = nn.Sequential(
        nn.Conv2d(channels, channels, 1, bias=False), NormAndPad(channels), nn.AvgPool2d(3, 1), nn.BatchNorm2d(channels)
    )
    deep = nn.Sequential(point, NormAndPad(channels), conv_norm(channels, channels, 3, padding=0))
    return Sum(conv_norm(channels, channels, 3), conv_norm(channels, channels, 1), deep, averaged)


def rep_sr(channels: int) -> nn.Module:
    wide = [nn.Sequential(conv_norm(channels, 2 * channels, 3), nn.Conv2d(2 * channels, channels, 1)) for _ in range(2)]
    return Sum(*wide, nn.Identity())


def sesr(channels: int) -> nn.Module:
    wide = nn.Sequential(nn.Conv2d(channels, 64, 3, padding=1, bias=False), nn.Conv2d(64, channels, 1))
    return nn.Sequential(Sum(wide, nn.Identity(), relu=False), nn.PReLU(channels))


def ant_sr(channels: int) -> nn.Module:
    deep = nn.Sequential(
        nn.Conv2d(channels, 2 * channels, 1, bias=False),
        nn.Conv2d(2 * channels, 2 * channels, 3, padding=1),
        nn.Conv2d(2 * channels, channels, 1),
    )
    return Sum(deep, nn.Conv2d(channels, channels, 1))


def three_then_one(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.Conv2d(4 * channels, channels, 1))


def biased_one_then_three(channels: int, bias: bool = True) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 2 * channels, 1, bias=bias), nn.Conv2d(2 * channels, channels, 3, padding=1)
    )


class Network(nn.Module):
    """Stem, blocks, a skip over them where wanted, tail, PixelShuffle, clip."""

    def __init__(self, *blocks: nn.Module, channels: int, scale: int = 2, skip: bool = True) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.Sequential(*blocks)
        self.tail = nn.Conv2d(channels, 3 * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        features = self.stem(x)
        deep = self.blocks(features)
        return torch.clamp(self.shuffle(self.tail(deep + features if self.skip else deep)), 0, 1)
