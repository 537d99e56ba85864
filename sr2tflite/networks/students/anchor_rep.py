"""AnchorRep: re-parameterizable convolutions over a nearest-neighbor anchor, made for INT8."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.anchor import nearest_anchor
from sr2tflite.networks.blocks.rep_conv import RepConv
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, kernels, scale_of


class AnchorRepNet(nn.Module):
    """``y = PixelShuffle(tail(blocks(ReLU(stem(x)))) + anchor(x))``."""

    def __init__(self, settings: "AnchorRep") -> None:
        super().__init__()
        channels = settings.channels
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(*(RepConv(channels) for _ in range(settings.depth)))
        self.tail = nn.Conv2d(channels, 3 * settings.scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(settings.scale)
        self.scale = settings.scale

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        image: Tensor = self.shuffle(self.tail(self.blocks(self.stem(x))) + nearest_anchor(x, self.scale))
        return image


@STUDENTS.register("anchor_rep")
class AnchorRep(Student):
    """32×8 as the AIO-MAI student, with the skip moved from the features to the image.

    A feature skip's values span several times the image's range, and 8 bits over that range are what costs INT8 most;
    the image-space anchor is exact in INT8, and what the network adds to it is small.
    """

    channels: int = Field(default=32, ge=1)
    """Feature channels."""

    depth: int = Field(default=8, ge=1)
    """Number of blocks."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return AnchorRepNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """A first convolution, two in each block, and the last."""
        found = kernels(shapes)
        if len(found) < 4 or (scale := scale_of(found[-1][0])) is None:
            return None
        return {"channels": found[0][0], "depth": len(found) // 2 - 1, "scale": scale}
