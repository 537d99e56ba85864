"""ABPN: plain convolutions and a nearest-neighbor anchor."""

import itertools
from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.anchor import nearest_anchor
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, kernels, scale_of


class AbpnNet(nn.Module):
    """``y = PixelShuffle(tail(body(x)) + anchor(x))``."""

    def __init__(self, settings: "Abpn") -> None:
        super().__init__()
        channels, out = settings.channels, 3 * settings.scale**2
        widths = [3, *[channels] * (settings.depth + 1), out]
        layers: list[nn.Module] = []
        for c_in, c_out in itertools.pairwise(widths):
            layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers)
        self.tail = nn.Conv2d(out, out, 3, padding=1)
        self.shuffle = nn.PixelShuffle(settings.scale)
        self.scale = settings.scale

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        image: Tensor = self.shuffle(self.tail(self.body(x)) + nearest_anchor(x, self.scale))
        return image


@STUDENTS.register("abpn")
class Abpn(Student):
    """28 channels, six ReLU convolutions and one plain one: 42,539 parameters at ×3.

    References:
        Anchor-based Plain Net for Mobile Image Super-Resolution (Du et al., 2021), https://arxiv.org/abs/2105.09750.
    """

    channels: int = Field(default=28, ge=1)
    """Feature channels."""

    depth: int = Field(default=4, ge=1)
    """Convolutions between the first one and the one that gives 3·s² channels."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return AbpnNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """A first convolution, ``depth`` more, one to 3·s² channels and the last."""
        found = kernels(shapes)
        if len(found) < 4 or (scale := scale_of(found[-1][0])) is None:
            return None
        return {"channels": found[0][0], "depth": len(found) - 3, "scale": scale}
