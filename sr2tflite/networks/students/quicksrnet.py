"""QuickSRNet: plain convolutions between clips, started as an enlargement."""

import itertools
from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.anchor import nearest_anchor
from sr2tflite.networks.blocks.start import fade, pass_through
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, activation_of, kernels, scale_of


class QuickSrNet(nn.Module):
    """``f = clip(convolution(f)), …; y = PixelShuffle(clip(tail(f)))``, with or without an anchor before the last clip.

    Every convolution starts as ``y = x + W * x``: the image travels through the first three channels, which the clips
    leave as they are, and the untrained network enlarges already. W starts faint; as large as in the released code it
    drowns the image at first (11 dB instead of 24 dB).
    """

    def __init__(self, settings: "Quicksrnet") -> None:
        super().__init__()
        channels, peak = settings.channels, float(settings.peak)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise([3, *[channels] * (settings.depth + 1)]):
            conv = nn.Conv2d(inputs, outputs, 3, padding=1)
            fade(conv)
            pass_through(conv)
            layers += [conv, nn.Hardtanh(0.0, peak)]
        self.body = nn.Sequential(*layers)
        self.tail = nn.Conv2d(channels, 3 * settings.scale**2, 3, padding=1)
        self.clip = nn.Hardtanh(0.0, peak)
        self.shuffle = nn.PixelShuffle(settings.scale)
        self.scale, self.anchor = settings.scale, settings.anchor
        fade(self.tail)
        if not settings.anchor:
            pass_through(self.tail, settings.scale**2)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        y = self.tail(self.body(x))
        image: Tensor = self.shuffle(self.clip(y + nearest_anchor(x, self.scale) if self.anchor else y))
        return image


@STUDENTS.register("quicksrnet")
class Quicksrnet(Student):
    """QuickSRNet-Small: 27,195 parameters at ×3.

    Medium is ``depth: 5``, Large ``{channels: 64, depth: 11, anchor: true}``.

    References:
        QuickSRNet: Plain Single-Image Super-Resolution Architecture for Faster Inference on Mobile Platforms (Berger et
        al., 2023), https://arxiv.org/abs/2303.04336, section 3.
    """

    channels: int = Field(default=32, ge=3)
    """Feature channels."""

    depth: int = Field(default=2, ge=0)
    """Convolutions between the first and the last one."""

    anchor: bool = False
    """Whether the nearest-neighbor enlargement of the image is added."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return QuickSrNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """A first convolution, ``depth`` more and the last, and nothing with weights between them."""
        found = kernels(shapes)
        if len(found) < 2 or activation_of(shapes) == "prelu" or (scale := scale_of(found[-1][0])) is None:
            return None
        return {"channels": found[0][0], "depth": len(found) - 2, "scale": scale} if found[0][0] >= 3 else None
