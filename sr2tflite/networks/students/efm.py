"""EFM: a small U-Net of convolutions, with a gate over the pixels of every level, for restoration without enlarging."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.start import fade
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, kernels

OPEN = 2.0
"""The logit at which gates start: σ(2) = 0.88 lets features through."""


class Gate(nn.Module):
    """``f′ = f ⊙ g``, ``g = σ(w · ReLU(V * f))``: how much of every pixel goes on, one value for all its channels.

    Args:
        channels: C, in and out; V is 3×3 to C/4 channels, w 1×1 to one.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        between = max(channels // 4, 1)
        last = nn.Conv2d(between, 1, 1)
        self.where = nn.Sequential(nn.Conv2d(channels, between, 3, padding=1), nn.ReLU(inplace=True), last)
        fade(last)
        nn.init.constant_(last.bias, OPEN)  # type: ignore[arg-type]  # it has one

    def forward(self, f: Tensor) -> Tensor:
        """N·C·H·W to N·C·H·W."""
        gated: Tensor = f * self.where(f).sigmoid()
        return gated


def _level(c_in: int, c_out: int, depth: int, *, halves: bool, gating: bool) -> nn.Sequential:
    """A level of the encoder: a first convolution, which may halve the image, ``depth`` more, and a gate."""
    first = nn.Conv2d(c_in, c_out, 2, stride=2) if halves else nn.Conv2d(c_in, c_out, 3, padding=1)
    layers: list[nn.Module] = [first, nn.ReLU(inplace=True)]
    for _ in range(depth):
        layers += [nn.Conv2d(c_out, c_out, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, *([Gate(c_out)] if gating else []))


class Rise(nn.Module):
    """``y = ReLU(V * (PixelShuffle(W * z) + skip))``: a level of the decoder.

    Args:
        c_in: Of z.
        c_out: Of the skip, which is twice as high and wide, and of y.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.enlarge = nn.Sequential(nn.Conv2d(c_in, 4 * c_out, 1), nn.PixelShuffle(2))
        self.merge = nn.Sequential(nn.Conv2d(c_out, c_out, 3, padding=1), nn.ReLU(inplace=True))

    def forward(self, z: Tensor, skip: Tensor) -> Tensor:
        """N·C·H·W and N·C′·2H·2W to N·C′·2H·2W."""
        y: Tensor = self.merge(self.enlarge(z) + skip)
        return y


class EfmNet(nn.Module):
    """Three levels down, two up, and ``y = x + tail(…)``; height and width are multiples of 4."""

    def __init__(self, settings: "Efm") -> None:
        super().__init__()
        widths = [settings.channels * factor for factor in (1, 2, 4)]
        self.encoder = nn.ModuleList(
            _level(c_in, c_out, settings.depth, halves=number > 0, gating=settings.gating)
            for number, (c_in, c_out) in enumerate(zip([3, *widths], widths, strict=False))
        )
        self.decoder = nn.ModuleList([Rise(widths[2], widths[1]), Rise(widths[1], widths[0])])
        self.tail = nn.Conv2d(widths[0], 3, 3, padding=1)
        fade(self.tail)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·H·W."""
        found = [x]
        for level in self.encoder:
            found.append(level(found[-1]))
        *_, first, second, z = found
        for rise, skip in zip(self.decoder, (second, first), strict=True):
            z = rise(z, skip)
        y: Tensor = x + self.tail(z)
        return y


@STUDENTS.register("efm")
class Efm(Student):
    """Three levels of 16, 32 and 64 channels: 93,870 parameters with gates, ×1.

    A level halves the image by a 2×2 convolution of stride 2, the one for which TFLite and torch have the same borders
    at every size, and the decoder enlarges by depth-to-space. There is nothing that INT8 kernels lack: no
    normalization, softmax or GELU. The sides of an image are multiples of 4.

    References:
        Decoder-Free Distillation for Quantized Image Restoration (Sharif et al., 2026),
        https://arxiv.org/abs/2603.09624: an edge-friendly model (EFM) with lightweight learnable degradation gating
        (LDG). That it is a U-Net, its widths and depths, and what exactly a gate is are our reading.
    """

    multiple: ClassVar[int] = 4

    scale: Literal[1] = 1
    """The output is as large as the input."""

    channels: int = Field(default=16, ge=1)
    """Feature channels of the first level; the others have two and four times as many."""

    depth: int = Field(default=1, ge=0)
    """Convolutions of a level of the encoder after its first one."""

    gating: bool = True
    """Whether every level of the encoder ends in a gate."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return EfmNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """Per level a first convolution, ``depth`` more and two of a gate; two per rise; the last."""
        found = kernels(shapes)
        gates = sum(shape[0] == 1 and shape[2:] == (1, 1) for shape in found)
        depth, odd = divmod(len(found) - 8 - 2 * gates, 3)
        if depth < 0 or odd or gates not in (0, 3):
            return None
        return {"channels": found[0][0], "depth": depth, "gating": gates == 3, "scale": 1}
