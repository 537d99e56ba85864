"""Plain: convolutions, and a nearest-neighbor anchor where wanted."""

import itertools
from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.activation import Activation, activation
from sr2tflite.networks.blocks.anchor import nearest_anchor
from sr2tflite.networks.blocks.start import fade
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, activation_of, kernels, scale_of


class PlainNet(nn.Module):
    """``y = PixelShuffle(convolutions(x) + anchor(x))``, or without the anchor."""

    def __init__(self, settings: "Plain") -> None:
        super().__init__()
        tail = nn.Conv2d(settings.channels, 3 * settings.scale**2, 3, padding=1)
        widths = [3, *[settings.channels] * (settings.depth + 1)]
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), activation(settings.activation, outputs)]
        self.body = nn.Sequential(*layers, tail)
        self.shuffle = nn.PixelShuffle(settings.scale)
        self.scale = settings.scale
        self.anchor = settings.anchor
        if settings.anchor:
            fade(tail)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        y: Tensor = self.body(x)
        image: Tensor = self.shuffle(y + nearest_anchor(x, self.scale) if self.anchor else y)
        return image


@STUDENTS.register("plain")
class Plain(Student):
    """What a re-parameterized network looks like once fused: 16 channels, six convolutions, 13,723 parameters at ×3.

    The home of other people's fused checkpoints: ECBSR-M4C16 with PReLU as it stands here, the plain network of the
    ETDS paper with ``activation: relu`` and ``anchor: false``.
    """

    channels: int = Field(default=16, ge=1)
    """Feature channels."""

    depth: int = Field(default=4, ge=0)
    """Convolutions between the first and the last one."""

    activation: Activation = "prelu"
    """After every convolution but the last."""

    anchor: bool = True
    """Whether the nearest-neighbor enlargement of the image is added."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return PlainNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """A first convolution, ``depth`` more and the last; an anchor has no weights to tell it by."""
        found = kernels(shapes)
        if len(found) < 2 or (scale := scale_of(found[-1][0])) is None:
            return None
        kind = activation_of(shapes)
        return {"channels": found[0][0], "depth": len(found) - 2, "activation": kind, "scale": scale}
