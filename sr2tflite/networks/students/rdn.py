"""RDN: dense blocks whose every convolution reads all before it, joined again at the end."""

from collections.abc import Mapping, Sequence
from math import isqrt, prod
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.blocks.enlarger import Enlarger
from sr2tflite.networks.blocks.start import fade, pass_through
from sr2tflite.networks.students import STUDENTS, Published, Student
from sr2tflite.networks.students._shapes import Shape, kernels
from sr2tflite.networks.students._spelling import respelled

AUTHORS = {
    r"SFENet1\.(\w+)": r"head.\1",
    r"SFENet2\.(\w+)": r"second.\1",
    r"RDBs\.(\d+)\.convs\.(\d+)\.conv\.0\.(\w+)": r"blocks.\1.convs.\2.\3",
    r"RDBs\.(\d+)\.LFF\.(\w+)": r"blocks.\1.join.\2",
    r"GFF\.0\.(\w+)": r"join.\1",
    r"GFF\.1\.(\w+)": r"after.\1",
    r"UPNet\.([02])\.(\w+)": r"enlarge.\1.\2",
    r"UPNet\.4\.(\w+)": r"tail.\1",
}
"""The keys of EDSR-PyTorch's RDN at ×4, which works in 0…255; at ×2 and ×3 its second convolution is the tail."""

ONE_STEP = {**{theirs: ours for theirs, ours in AUTHORS.items() if "UPNet" not in theirs}} | {
    r"UPNet\.0\.(\w+)": r"enlarge.0.\1",
    r"UPNet\.2\.(\w+)": r"tail.\1",
}

LOWER_CASE = {
    r"sfe1\.(\w+)": r"head.\1",
    r"sfe2\.(\w+)": r"second.\1",
    r"rdbs\.(\d+)\.layers\.(\d+)\.conv\.(\w+)": r"blocks.\1.convs.\2.\3",
    r"rdbs\.(\d+)\.lff\.(\w+)": r"blocks.\1.join.\2",
    r"gff\.0\.(\w+)": r"join.\1",
    r"gff\.1\.(\w+)": r"after.\1",
    r"upscale\.(\d+)\.(\w+)": r"enlarge.\1.\2",
    r"output\.(\w+)": r"tail.\1",
}
"""Those of RDN-pytorch, which works in 0…1."""


class DenseBlock(nn.Module):
    """``y = x + J * [x, c₁, …, c_C]``, ``c_i = ReLU(W_i * [x, c₁, …, c_{i−1}])``; J is 1×1."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels * (i + 1), channels, 3, padding=1) for i in range(layers))
        self.join = nn.Conv2d(channels * (layers + 1), channels, 1)
        self.act = nn.ReLU()
        fade(self.join)

    def forward(self, x: Tensor) -> Tensor:
        """N·C·H·W to N·C·H·W."""
        found = [x]
        for conv in self.convs:
            found.append(self.act(conv(torch.cat(found, 1))))
        y: Tensor = self.join(torch.cat(found, 1))
        return x + y


class RdnNet(nn.Module):
    """``f = head(x); b_d = block_d(b_{d−1}), b_0 = second(f); y = tail(enlarge(after(join([b_1 …])) + f))``."""

    def __init__(self, settings: "Rdn") -> None:
        super().__init__()
        channels = settings.channels
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.blocks = nn.ModuleList(DenseBlock(channels, settings.layers) for _ in range(settings.depth))
        self.join = nn.Conv2d(channels * settings.depth, channels, 1)
        self.after = nn.Conv2d(channels, channels, 3, padding=1)
        self.enlarge = Enlarger(channels, settings.scale)
        self.tail = nn.Conv2d(channels, 3, 3, padding=1)
        fade(self.after)
        for conv in (self.head, self.tail):
            fade(conv)
            pass_through(conv)

    def forward(self, x: Tensor) -> Tensor:
        """N·3·H·W to N·3·sH·sW."""
        first = self.head(x)
        found = [self.second(first)]
        for block in self.blocks:
            found.append(block(found[-1]))
        y: Tensor = self.tail(self.enlarge(self.after(self.join(torch.cat(found[1:], 1))) + first))
        return y


@STUDENTS.register("rdn")
class Rdn(Student):
    """RDN, 64 channels, 16 blocks of 8 layers: 22 million parameters, a yardstick and no phone's network.

    A dense layer gives as many channels as the network has, as in the paper's larger network, G = G₀. In INT8 all that
    is concatenated has one scale, and with it every sum: TFLite's CONCATENATION rescales nothing.

    References:
        Residual Dense Network for Image Super-Resolution (Zhang et al., 2018), https://arxiv.org/abs/1802.08797,
        figures 2 and 3.
    """

    channels: int = Field(default=64, ge=1)
    """Feature channels, and those of every dense layer."""

    depth: int = Field(default=16, ge=1)
    """Dense blocks."""

    layers: int = Field(default=8, ge=1)
    """Convolutions of a block, beside the one that joins them."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return RdnNet(self)

    @classmethod
    def settings_from(cls, shapes: Sequence[Shape]) -> dict[str, Any] | None:
        """One 1×1 a block and one for all; what reads a block's input tells the layers."""
        found = kernels(shapes)
        joins = [shape for shape in found if shape[2:] == (1, 1)]
        channels = joins[0][0] if joins else 0
        steps = [isqrt(rows // channels) for rows, read, *_ in found if read == channels < rows]
        depth = len(joins) - 1
        if not steps or depth < 1:
            return None
        layers = (len(found) - len(joins) - len(steps) - 4) // depth
        return {"channels": channels, "depth": depth, "layers": layers, "scale": prod(steps)}

    @classmethod
    def published(cls, weights: Mapping[str, Tensor]) -> Published | None:
        """EDSR-PyTorch's, in 0…255, or RDN-pytorch's, in 0…1."""
        keys = respelled(weights, AUTHORS if any(key.startswith("UPNet.4.") for key in weights) else ONE_STEP)
        if keys is not None:
            return Published(keys, {"peak": 255})
        keys = respelled(weights, LOWER_CASE)
        return None if keys is None else Published(keys, {"peak": 1})
