"""The AIO-MAI student: MobileOne-style blocks, a global feature skip and PixelShuffle."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.mobile_one import MobileOneBlock
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, kernels, scale_of


class AioMaiNet(nn.Module):
    """``f₀ = stem(x); fₙ = block(fₙ₋₁); y = PixelShuffle(tail(f_N + f₀))``."""

    def __init__(self, settings: "AioMai") -> None:
        super().__init__()
        channels = settings.channels
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(MobileOneBlock(channels, settings.branches) for _ in range(settings.depth)))
        self.tail = nn.Conv2d(channels, 3 * settings.scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(settings.scale)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        features = self.stem(x)
        image: Tensor = self.shuffle(self.tail(self.blocks(features) + features))
        return image


@STUDENTS.register("aio_mai")
class AioMai(Student):
    """A 32×8 network of 82,683 parameters once fused.

    References:
        Efficient INT8 Single-Image Super-Resolution via Deployment-Aware Quantization and Teacher-Guided Training
        (2026), https://arxiv.org/abs/2604.20291; the authors' released configuration has 5 branches and works in 0…255.
    """

    peak: Literal[1, 255] = 255
    """What white is in the network's own units."""

    channels: int = Field(default=32, ge=1)
    """Feature channels."""

    depth: int = Field(default=8, ge=1)
    """Number of blocks."""

    branches: int = Field(default=5, ge=1)
    """3×3 branches in each block, beside a 1×1 and the identity."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return AioMaiNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """A first convolution, two in each block (the branches are one), and the last."""
        found = kernels(shapes)
        if len(found) < 4 or (scale := scale_of(found[-1][0])) is None:
            return None
        channels, branches = found[0][0], found[1][0] // found[0][0]
        return {"channels": channels, "depth": len(found) // 2 - 1, "branches": branches, "scale": scale}
