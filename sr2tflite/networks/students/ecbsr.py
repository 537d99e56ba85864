"""ECBSR: edge-oriented convolution blocks over a nearest-neighbor anchor."""

import itertools
from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.activation import Activation, activation
from sr2tflite.networks.blocks.anchor import nearest_anchor
from sr2tflite.networks.blocks.ecb import EcbConv
from sr2tflite.networks.blocks.start import fade
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, kernels, scale_of

KERNELS = 12
"""Four-dimensional tensors of a block: the 3×3, the expansion's two; 1×1, strength and mask of three edge filters."""

BIASES = 9
"""One-dimensional ones: of every convolution, and of every edge filter."""


class EcbsrNet(nn.Module):
    """``y = PixelShuffle(blocks(x) + anchor(x))``; every block but the last ends in an activation."""

    def __init__(self, settings: "Ecbsr") -> None:
        super().__init__()
        tail = EcbConv(settings.channels, 3 * settings.scale**2)
        blocks: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise([3, *[settings.channels] * (settings.depth + 1)]):
            blocks.append(nn.Sequential(EcbConv(inputs, outputs), activation(settings.activation, outputs)))
        self.blocks = nn.Sequential(*blocks, tail)
        self.shuffle = nn.PixelShuffle(settings.scale)
        self.scale = settings.scale
        for part in (tail.conv, tail.expanded[1]):
            assert isinstance(part, nn.Conv2d)
            fade(part)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        image: Tensor = self.shuffle(self.blocks(x) + nearest_anchor(x, self.scale))
        return image


@STUDENTS.register("ecbsr")
class Ecbsr(Student):
    """ECBSR-M4C16 for RGB: 13,723 parameters at ×3 once fused.

    References:
        Edge-oriented Convolution Block for Real-time Super Resolution on Mobile Devices (Zhang et al., 2021),
        https://doi.org/10.1145/3474085.3475291. The paper works on Y and broadcasts it; in RGB the shortcut is the
        nearest-neighbor anchor.
    """

    channels: int = Field(default=16, ge=1)
    """Feature channels."""

    depth: int = Field(default=4, ge=0)
    """Blocks between the first and the last one."""

    activation: Activation = "prelu"
    """After every block but the last; the paper's is ``prelu``."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return EcbsrNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """As many blocks as there are twelve kernels; the last tensor of all is a mask."""
        found = kernels(shapes)
        blocks = len(found) // KERNELS
        if blocks < 2 or (scale := scale_of(found[-1][0])) is None:
            return None
        vectors = sum(len(shape) == 1 for shape in shapes)
        kind = "prelu" if vectors > BIASES * blocks else "relu"
        return {"channels": found[0][0], "depth": blocks - 2, "activation": kind, "scale": scale}
