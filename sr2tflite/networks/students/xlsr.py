"""XLSR: grouped convolutions, one concatenation and a clipped ReLU at the end."""

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, kernels, scale_of

GAIN = 0.1
"""Of the first weights' variance, as the paper has it: the network starts near its biases."""


class GBlock(nn.Sequential):
    """``y = W₁ₓ₁ * ReLU(W₃ₓ₃ * x)``, the 3×3 in groups; there is no activation behind it."""

    def __init__(self, channels: int, groups: int) -> None:
        spatial = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
        super().__init__(spatial, nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1))


class XlsrNet(nn.Module):
    """``y = PixelShuffle(clip(tail(ReLU(mix(cat(blocks(stem(x)), side(x)))))))``."""

    def __init__(self, settings: "Xlsr") -> None:
        super().__init__()
        channels, peak = settings.channels, float(settings.peak)
        self.side = nn.Conv2d(3, channels // 2, 3, padding=1)
        first = nn.Conv2d(3, channels, 3, padding=1)
        self.stem = nn.Sequential(first, nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1))
        self.blocks = nn.Sequential(*(GBlock(channels, settings.groups) for _ in range(settings.depth)))
        self.mix = nn.Sequential(nn.Conv2d(channels + channels // 2, channels, 1), nn.ReLU(inplace=True))
        self.tail = nn.Conv2d(channels, 3 * settings.scale**2, 3, padding=1)
        self.clip = nn.Hardtanh(0.0, peak)
        self.shuffle = nn.PixelShuffle(settings.scale)
        self._start(peak)

    def _start(self, peak: float) -> None:
        for conv in self.modules():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
                with torch.no_grad():
                    conv.weight.mul_(GAIN**0.5)
                    conv.bias.zero_()  # type: ignore[union-attr]  # every convolution here has one
        # gray: at black, half of the clip's outputs would have no gradient
        nn.init.constant_(self.tail.bias, peak / 2)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        features = torch.cat((self.blocks(self.stem(x)), self.side(x)), 1)
        image: Tensor = self.shuffle(self.clip(self.tail(self.mix(features))))
        return image


@STUDENTS.register("xlsr")
class Xlsr(Student):
    """32 channels, three blocks of four groups: 21,947 parameters at ×3.

    The paper's four parallel 3→8 convolutions are one 3→32 here: the same function, and one op in the file.

    References:
        Extremely Lightweight Quantization Robust Real-Time Single-Image Super Resolution for Mobile Devices (Ayazoglu,
        2021), https://arxiv.org/abs/2105.10288, figure 2.
    """

    channels: int = Field(default=32, ge=2)
    """Feature channels; half as many come from the side branch."""

    depth: int = Field(default=3, ge=1)
    """Blocks."""

    groups: int = Field(default=4, ge=1)
    """Of the 3×3 in a block."""

    @model_validator(mode="after")
    def _groups_divide_channels(self) -> "Xlsr":
        if self.channels % self.groups or self.channels % 2:
            raise ValueError(f"channels ({self.channels}) must be even and a multiple of groups ({self.groups})")
        return self

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return XlsrNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """Side, two of the stem, two in every block, mix and tail."""
        found = kernels(shapes)
        if len(found) < 7 or (scale := scale_of(found[-1][0])) is None:
            return None
        channels, inside = found[1][0], found[3][1]
        if channels % inside:
            return None
        return {"channels": channels, "depth": (len(found) - 5) // 2, "groups": channels // inside, "scale": scale}
