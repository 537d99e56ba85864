"""ETDS: the image travels beside the features through every convolution, so that nothing is added at the end."""

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.dual_stream import COLORS, DualStreamConv
from sr2tflite.networks.blocks.start import fade
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, activation_of, kernels, scale_of


class EtdsNet(nn.Module):
    """``[f, r] = ReLU(dual([f, r])), …; y = PixelShuffle(tail([f, r]))``, r starting as the image."""

    def __init__(self, settings: "Etds") -> None:
        super().__init__()
        channels, scale = settings.channels, settings.scale
        layers: list[nn.Module] = []
        for inputs in (COLORS, *[channels] * settings.depth):
            layers += [DualStreamConv(inputs, channels), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers)
        self.tail = nn.Conv2d(channels, COLORS * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        fade(self.tail)
        with torch.no_grad():
            self.tail.weight[:, -COLORS:] = 0
            self.tail.weight[:, -COLORS:, 1, 1] = torch.eye(COLORS).repeat_interleave(scale**2, 0)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        image: Tensor = self.shuffle(self.tail(self.body(x)))
        return image


@STUDENTS.register("etds")
class Etds(Student):
    """ETDS-S: 32 channels, three of which carry the image, 45,691 parameters at ×3.

    The anchor and its addition are taps of the last convolution: the fused file is CONV_2D × (depth + 2) and
    DEPTH_TO_SPACE. The paper spends a last 1×1 on the clip; an INT8 file gets it from saturation.

    References:
        Equivalent Transformation and Dual Stream Network Construction for Mobile Image Super-Resolution (Chao et al.,
        2023), CVPR 2023, sections 3.2 and 3.3.
    """

    channels: int = Field(default=32, ge=4)
    """Channels of both streams together."""

    depth: int = Field(default=4, ge=0)
    """Convolutions between the first and the last one."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return EtdsNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """A first convolution, ``depth`` more and the last: a fused one without its clip looks the same."""
        found = kernels(shapes)
        if len(found) < 2 or activation_of(shapes) == "prelu" or (scale := scale_of(found[-1][0])) is None:
            return None
        return {"channels": found[0][0], "depth": len(found) - 2, "scale": scale} if found[0][0] >= 4 else None
