"""EDSR: residual blocks without batch normalization, features enlarged at the end."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.enlarger import Enlarger
from sr2tflite.networks.blocks.residual import ResidualBlock
from sr2tflite.networks.blocks.start import fade, pass_through
from sr2tflite.networks.students import STUDENTS, Published, Student
from sr2tflite.networks.students._shapes import Shape, residual_of
from sr2tflite.networks.students._spelling import respelled

Part = Annotated[float, Field(ge=0, le=1)]

DIV2K = (0.4488, 0.4371, 0.4040)
"""The mean color of DIV2K, which the authors take off."""

WIDE = 256
"""Channels from which on the paper multiplies every branch by 0.1 (section 3.3); no weight shows it."""

SHIFTS = frozenset(f"{way}_mean.{part}" for way in ("sub", "add") for part in ("weight", "bias"))
"""The keys of EDSR-PyTorch's mean: two 1×1 convolutions whose biases are the color, in the network's own units."""

AUTHORS = {
    r"head\.0\.(\w+)": r"head.\1",
    r"body\.(\d+)\.body\.([02])\.(\w+)": r"blocks.\1.body.\2.\3",
    r"body\.\d+\.(weight|bias)": r"after.\1",
    r"tail\.0\.(\d+)\.(\w+)": r"enlarge.\1.\2",
    r"tail\.1\.(\w+)": r"tail.\1",
}
"""Its other keys."""

BASICSR = {
    r"conv_first\.(\w+)": r"head.\1",
    r"body\.(\d+)\.conv1\.(\w+)": r"blocks.\1.body.0.\2",
    r"body\.(\d+)\.conv2\.(\w+)": r"blocks.\1.body.2.\2",
    r"conv_after_body\.(\w+)": r"after.\1",
    r"upsample\.(\d+)\.(\w+)": r"enlarge.\1.\2",
    r"conv_last\.(\w+)": r"tail.\1",
}
"""Those of BasicSR, whose mean is no part of the state dict."""


class EdsrNet(nn.Module):
    """``f = head(x − m); y = tail(enlarge(after(blocks(f)) + f)) + m``."""

    def __init__(self, settings: "EdsrBaseline") -> None:
        super().__init__()
        channels = settings.channels
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels, settings.res_scale) for _ in range(settings.depth)))
        self.after = nn.Conv2d(channels, channels, 3, padding=1)
        self.enlarge = Enlarger(channels, settings.scale)
        self.tail = nn.Conv2d(channels, 3, 3, padding=1)
        color = None if settings.mean is None else _color(settings.mean, settings.peak).view(1, 3, 1, 1)
        self.mean: Tensor | None
        self.register_buffer("mean", color, persistent=False)
        fade(self.after)
        for conv in (self.head, self.tail):
            fade(conv)
            pass_through(conv)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        features = self.head(x if self.mean is None else x - self.mean)
        y: Tensor = self.tail(self.enlarge(self.after(self.blocks(features)) + features))
        return y if self.mean is None else y + self.mean


@STUDENTS.register("edsr_baseline")
class EdsrBaseline(Student):
    """EDSR-baseline, 64 channels and 16 blocks: 1,554,499 parameters at ×3, a yardstick rather than a phone's network.

    Loads what EDSR-PyTorch and BasicSR publish. Fresh weights start near a nearest-neighbor enlargement and take no
    mean off: a mean is an ADD before the first convolution, whose grid is coarser than a pixel.

    References:
        Enhanced Deep Residual Networks for Single Image Super-Resolution (Lim et al., 2017),
        https://arxiv.org/abs/1707.02921, figure 3, section 3.2.
    """

    channels: int = Field(default=64, ge=1)
    """Feature channels."""

    depth: int = Field(default=16, ge=0)
    """Residual blocks."""

    res_scale: float = 1.0
    """What every block's branch is multiplied by; 0.1 in the paper's 256 channels, 1 in the baseline."""

    mean: tuple[Part, Part, Part] | None = None
    """The color (RGB, white is 1) taken off the image first and put back last; None takes nothing off."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return EdsrNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """Two convolutions a block and one behind all; factor and mean have no shape."""
        return residual_of(shapes)

    @classmethod
    def published(cls, weights: Mapping[str, Tensor]) -> Published | None:
        """EDSR-PyTorch, whose keys hold the mean in the network's units, or BasicSR, whose code holds it, in 0…255."""
        own = {key for key in weights if key not in SHIFTS}
        if len(own) < len(weights):
            keys, told = respelled(own, AUTHORS), _mean_in(weights)
        elif keys := respelled(own, BASICSR):
            told = {"mean": DIV2K, "peak": 255}
        else:
            keys, told = respelled(own, AUTHORS), {}
        if told is None or keys is None or "head.bias" not in keys:
            return None
        is_wide = weights[keys["head.bias"]].numel() >= WIDE
        return Published(keys, {**told, **({"res_scale": 0.1} if is_wide else {})})


def _mean_in(weights: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """Mean and white, where the two 1×1 convolutions take one color off and put it back; None where they do more."""
    if any(key not in weights for key in SHIFTS):
        return None
    factors, colors = ([weights[f"{way}_mean.{part}"] for way in ("sub", "add")] for part in ("weight", "bias"))
    alike = torch.eye(3).view(3, 3, 1, 1)
    if colors[1].shape != (3,) or not torch.equal(colors[0], -colors[1]):
        return None
    if not all(torch.equal(factor.float(), alike) for factor in factors):
        return None
    peak = 255 if float(colors[1].max()) > 1 else 1
    return {"mean": tuple(_shortest(value, peak) for value in colors[1].tolist()), "peak": peak}


def _color(mean: Sequence[float], peak: float) -> Tensor:
    """Parts of white in a network's own units, rounded once."""
    return (torch.tensor(mean, dtype=torch.float64) * peak).float()


def _shortest(value: float, peak: float) -> float:
    """The part of white, in as few digits as give the same float32 back."""
    parts = (round(value / peak, digits) for digits in range(17))
    return next((part for part in parts if float(_color([part], peak)) == value), value / peak)
