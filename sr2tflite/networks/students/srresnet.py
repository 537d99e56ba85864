"""SRResNet without batch normalization: residual blocks, features enlarged, the image enlarged and added."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.activation import activation
from sr2tflite.networks.blocks.enlarger import Enlarger
from sr2tflite.networks.blocks.residual import ResidualBlock
from sr2tflite.networks.blocks.start import fade
from sr2tflite.networks.students import STUDENTS, Published, Student
from sr2tflite.networks.students._shapes import Shape, residual_of
from sr2tflite.networks.students._spelling import respelled

BASICSR = {
    r"conv_first\.(\w+)": r"head.\1",
    r"(?:body|recon_trunk)\.(\d+)\.conv1\.(\w+)": r"blocks.\1.body.0.\2",
    r"(?:body|recon_trunk)\.(\d+)\.conv2\.(\w+)": r"blocks.\1.body.2.\2",
    r"upconv1\.(\w+)": r"enlarge.0.\1",
    r"upconv2\.(\w+)": r"enlarge.3.\1",
    r"(?:conv_hr|HRconv)\.(\w+)": r"refine.\1",
    r"conv_last\.(\w+)": r"tail.\1",
}
"""The keys of BasicSR's MSRResNet, now and in its first years; its skip is bilinear."""


class SrresNet(nn.Module):
    """``f = blocks(φ(head(x))); y = tail(φ(refine(enlarge(f)))) + resized(x)``, φ a leaky ReLU, in ``enlarge`` too."""

    def __init__(self, settings: "Srresnet") -> None:
        super().__init__()
        channels = settings.channels
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(settings.depth)))
        self.enlarge = Enlarger(channels, settings.scale, "leaky_relu")
        self.refine = nn.Conv2d(channels, channels, 3, padding=1)
        self.tail = nn.Conv2d(channels, 3, 3, padding=1)
        self.act = activation("leaky_relu", channels)
        self.scale, self.skip = settings.scale, settings.skip
        fade(self.tail)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        features = self.enlarge(self.blocks(self.act(self.head(x))))
        y: Tensor = self.tail(self.act(self.refine(features)))
        corners = None if self.skip == "nearest" else False
        return y + F.interpolate(x, scale_factor=self.scale, mode=self.skip, align_corners=corners)


@STUDENTS.register("srresnet")
class Srresnet(Student):
    """MSRResNet, 64 channels and 16 blocks: 1,517,571 parameters at ×4, a yardstick rather than a phone's network.

    Loads what BasicSR publishes, with its bilinear skip, for ``eval`` and as a teacher. A bilinear enlargement repeats
    the pixels of the border, where convolutions have zeros, and TFLite's own op is told the image's size: it is not
    fused. ``skip: nearest`` takes the published weights too, to train on from there.

    The first SRResNet, with batch normalization, PReLU and no image skip, is another network, of which every
    reimplementation has its own keys: as somebody's class it is fused like any other.

    References:
        Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network (Ledig et al., 2017),
        https://arxiv.org/abs/1609.04802, as BasicSR has it: no batch normalization, and the skip in the image.
    """

    channels: int = Field(default=64, ge=1)
    """Feature channels."""

    depth: int = Field(default=16, ge=0)
    """Residual blocks."""

    skip: Literal["nearest", "bilinear"] = "nearest"
    """How the image that is added is enlarged; ``bilinear``, as published, has no exact INT8 file."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return SrresNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """Two convolutions a block and one behind all; the skip has no weights to tell it by."""
        return residual_of(shapes)

    @classmethod
    def published(cls, weights: Mapping[str, Tensor]) -> Published | None:
        """BasicSR, which works in 0…1."""
        keys = respelled(weights, BASICSR)
        return None if keys is None else Published(keys, {"skip": "bilinear", "peak": 1})
