"""FSRCNN: shrunk features and a transposed convolution that enlarges."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.activation import Activation, activation
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.networks.students._shapes import Shape, activation_of, kernels

ENLARGING = 9
"""Kernel size of the transposed convolution, in pixels of the output."""

DEVIATION = 1e-3
"""Standard deviation of its first weights, as the paper has it: 56·9 inputs a phase would else drown the image."""


class FsrcnnNet(nn.Module):
    """``y = enlarge(expand(map(shrink(extract(x)))))``, an activation after every part but the last."""

    def __init__(self, settings: "Fsrcnn") -> None:
        super().__init__()
        wide, narrow, kind = settings.channels, settings.shrunk, settings.activation
        sizes = [(3, wide, 5), (wide, narrow, 1), *[(narrow, narrow, 3)] * settings.depth, (narrow, wide, 1)]
        layers: list[nn.Module] = []
        for inputs, outputs, kernel in sizes:
            layers += [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), activation(kind, outputs)]
        self.body = nn.Sequential(*layers)
        self.enlarge = nn.ConvTranspose2d(
            wide,
            3,
            ENLARGING,
            stride=settings.scale,
            padding=ENLARGING // 2,
            output_padding=settings.scale - 1,
        )
        nn.init.normal_(self.enlarge.weight, std=DEVIATION)
        nn.init.zeros_(self.enlarge.bias)  # type: ignore[arg-type]  # there is one

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        image: Tensor = self.enlarge(self.body(x))
        return image


@STUDENTS.register("fsrcnn")
class Fsrcnn(Student):
    """FSRCNN(56, 12, 4) for RGB: 24,683 parameters at any scale.

    References:
        Accelerating the Super-Resolution Convolutional Neural Network (Dong et al., 2016),
        https://arxiv.org/abs/1608.00367, section 3; there on Y.
    """

    channels: int = Field(default=56, ge=1)
    """Feature channels outside (d)."""

    shrunk: int = Field(default=12, ge=1)
    """Feature channels inside (s)."""

    depth: int = Field(default=4, ge=0)
    """3×3 convolutions inside (m)."""

    activation: Activation = "prelu"
    """After every convolution."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return FsrcnnNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """Extract, shrink, ``depth`` maps, expand, enlarge; the scale is a stride and has no shape."""
        found = kernels(shapes)
        if len(found) < 4:
            return None
        told = {"channels": found[0][0], "shrunk": found[1][0], "depth": len(found) - 4}
        return {**told, "activation": activation_of(shapes)}
