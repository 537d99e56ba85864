"""SRVGG: the compact VGG-style network, with the image enlarged and added at high resolution."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.activation import Activation, activation
from sr2tflite.networks.blocks.start import fade
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, activation_of, kernels, scale_of


class SrvggNet(nn.Module):
    """``y = PixelShuffle(convolutions(x)) + nearest(x)``."""

    def __init__(self, settings: "Srvgg") -> None:
        super().__init__()
        tail = nn.Conv2d(settings.channels, 3 * settings.scale**2, 3, padding=1)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise([3, *[settings.channels] * (settings.depth + 1)]):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), activation(settings.activation, outputs)]
        self.body = nn.Sequential(*layers, tail)
        self.shuffle = nn.PixelShuffle(settings.scale)
        self.scale = settings.scale
        fade(tail)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        image: Tensor = self.shuffle(self.body(x))
        return image + F.interpolate(x, scale_factor=self.scale, mode="nearest")


@STUDENTS.register("srvgg")
class Srvgg(Student):
    """SRVGGNetCompact, 64 channels, 16 convolutions in the body: 609,307 parameters at ×3, far too many for a phone.

    References:
        Real-ESRGAN (Wang et al., 2021), https://arxiv.org/abs/2107.10833; its released compact network.
    """

    channels: int = Field(default=64, ge=1)
    """Feature channels."""

    depth: int = Field(default=16, ge=0)
    """Convolutions between the first and the last one."""

    activation: Activation = "prelu"
    """After every convolution but the last."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return SrvggNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """A first convolution, ``depth`` more and the last."""
        found = kernels(shapes)
        if len(found) < 2 or (scale := scale_of(found[-1][0])) is None:
            return None
        kind = activation_of(shapes)
        return {"channels": found[0][0], "depth": len(found) - 2, "activation": kind, "scale": scale}
