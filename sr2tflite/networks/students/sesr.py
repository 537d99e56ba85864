"""SESR: collapsible linear blocks, a long skip over the features and a nearest-neighbor anchor."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.activation import Activation, activation
from sr2tflite.networks.blocks.anchor import nearest_anchor
from sr2tflite.networks.blocks.collapsible import CollapsibleLinear
from sr2tflite.networks.blocks.start import fade
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, kernels, scale_of

ENDS = 5
"""Kernel size of the first and the last block; 3 between them."""


class SesrNet(nn.Module):
    """``f₀ = φ(stem(x)); fₙ = φ(block(fₙ₋₁) + fₙ₋₁); y = PixelShuffle(tail(f_N + f₀) + anchor(x))``."""

    def __init__(self, settings: "Sesr") -> None:
        super().__init__()
        channels, middle, kind = settings.channels, settings.middle, settings.activation
        self.stem = nn.Sequential(CollapsibleLinear(3, channels, ENDS, middle), activation(kind, channels))
        blocks = (CollapsibleLinear(channels, channels, 3, middle, residual=True) for _ in range(settings.depth))
        self.blocks = nn.Sequential(*(nn.Sequential(block, activation(kind, channels)) for block in blocks))
        self.tail = CollapsibleLinear(channels, 3 * settings.scale**2, ENDS, middle)
        self.shuffle = nn.PixelShuffle(settings.scale)
        self.scale = settings.scale
        fade(self.tail.squeeze)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        features = self.stem(x)
        y = self.tail(self.blocks(features) + features) + nearest_anchor(x, self.scale)
        image: Tensor = self.shuffle(y)
        return image


@STUDENTS.register("sesr")
class Sesr(Student):
    """SESR-M5 for RGB: 23,643 parameters at ×3 once fused.

    References:
        Collapsible Linear Blocks for Super-Efficient Super Resolution (Bhardwaj et al., 2022),
        https://arxiv.org/abs/2103.09404, figure 2 with ReLU, which the authors take where they quantize. The paper
        works on Y and broadcasts it at the end; in RGB that shortcut is the nearest-neighbor anchor.
    """

    channels: int = Field(default=16, ge=1)
    """Feature channels."""

    depth: int = Field(default=5, ge=1)
    """3×3 blocks: 3, 5, 7 or 11 in the paper."""

    middle: int = Field(default=256, ge=1)
    """Channels inside a block while it is trained."""

    activation: Activation = "relu"
    """After every block but the last; ``prelu`` in the paper's float networks."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return SesrNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """Two kernels in every block, of which the second alone has a bias."""
        found = kernels(shapes)
        blocks = len(found) // 2
        if blocks < 3 or (scale := scale_of(found[-1][0])) is None:
            return None
        vectors = sum(len(shape) == 1 for shape in shapes)
        told = {"channels": found[1][0], "depth": blocks - 2, "middle": found[0][0], "scale": scale}
        return {**told, "activation": "prelu" if vectors > blocks else "relu"}
