"""MambaIRv2: windows of attention and a state-space scan through the whole image."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from sr2tflite.networks.teachers import TEACHERS, Teacher
from sr2tflite.networks.teachers._attention import WindowAttention, relative_positions, shift_mask, together, windows
from sr2tflite.networks.teachers._feed_forward import as_image, as_sequence, feed_forward
from sr2tflite.networks.teachers._routing import Gumbel, Pick, most_likely
from sr2tflite.networks.teachers._state_space import AttentiveStateSpace

MEAN = (0.4488, 0.4371, 0.4040)
"""Of DIV2K's R, G, B; not in the state dict."""

WIDE = 64
"""Channels before the pixel shuffles of the full sizes."""


class AttentiveLayer(nn.Module):
    """Window attention, then the state-space part, each with a feed-forward part and a scaled shortcut."""

    def __init__(self, settings: "MambaIRv2", shift: int) -> None:
        super().__init__()
        dim, hidden = settings.channels, settings.hidden
        self.window, self.shift = settings.window, shift
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(dim) for _ in range(4))
        self.wqkv = nn.Linear(dim, 3 * dim)
        self.win_mhsa = WindowAttention(dim, settings.heads, settings.window)
        self.assm = AttentiveStateSpace(dim, hidden, settings.states, settings.tokens, settings.rank)
        self.convffn1 = feed_forward(dim, hidden, gated=settings.is_light)
        self.convffn2 = feed_forward(dim, hidden, gated=settings.is_light)
        self.embeddingA = nn.Embedding(settings.rank, settings.states)
        self.scale1, self.scale2 = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor, size: tuple[int, int], position: Tensor, mask: Tensor, pick: Pick) -> Tensor:
        """N·L·C to N·L·C."""
        near = x + self._attention(self.wqkv(self.norm1(x)), size, position, mask)
        near = near + self.convffn1(self.norm2(near), size)
        x = x * self.scale1 + near
        far = x + self.assm(self.norm3(x), size, self.embeddingA.weight, pick)
        far = far + self.convffn2(self.norm4(far), size)
        y: Tensor = x * self.scale2 + far
        return y

    def _attention(self, qkv: Tensor, size: tuple[int, int], position: Tensor, mask: Tensor) -> Tensor:
        image = qkv.view(len(qkv), *size, -1).roll((-self.shift, -self.shift), (1, 2))
        seen = self.win_mhsa(windows(image, self.window), position, mask if self.shift else None)
        back = together(seen, self.window, *size).roll((self.shift, self.shift), (1, 2))
        return back.flatten(1, 2)


class Layers(nn.Module):
    """The attentive layers of a group; every other one is shifted by half a window."""

    def __init__(self, settings: "MambaIRv2", depth: int) -> None:
        super().__init__()
        half = settings.window // 2
        self.layers = nn.ModuleList(AttentiveLayer(settings, half if number % 2 else 0) for number in range(depth))


class Group(nn.Module):
    """Layers, a convolution, and a shortcut around them."""

    def __init__(self, settings: "MambaIRv2", depth: int) -> None:
        super().__init__()
        self.residual_group = Layers(settings, depth)
        self.conv = nn.Conv2d(settings.channels, settings.channels, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int], position: Tensor, mask: Tensor, pick: Pick) -> Tensor:
        """N·L·C to N·L·C."""
        deep = x
        for layer in self.residual_group.layers:
            deep = layer(deep, size, position, mask, pick)
        return x + as_sequence(self.conv(as_image(deep, size)))


class PatchEmbed(nn.Module):
    """The normalization of the first features; the published keys want it in a module of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)


class MambaIRv2Net(nn.Module):
    """N·3·H·W in 0…1 to N·3·sH·sW, about 0…1; any size, continued by its mirror image to whole windows."""

    relative_position_index_SA: Tensor  # noqa: N815  # the published key

    def __init__(self, settings: "MambaIRv2") -> None:
        super().__init__()
        self.settings = settings
        dim = settings.channels
        self.register_buffer("relative_position_index_SA", relative_positions(settings.window))
        self.conv_first = nn.Conv2d(3, dim, 3, padding=1)
        self.patch_embed = PatchEmbed(dim)
        self.layers = nn.ModuleList(Group(settings, depth) for depth in settings.depths)
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = nn.Conv2d(dim, dim, 3, padding=1)
        if settings.is_light:
            self.upsample = _enlargement(dim, settings.scale, 3)
        else:
            self.conv_before_upsample = nn.Sequential(nn.Conv2d(dim, WIDE, 3, padding=1), nn.LeakyReLU())
            factors = [3] if settings.scale == 3 else [2] * (settings.scale.bit_length() - 1)
            self.upsample = nn.Sequential(*(part for factor in factors for part in _enlargement(WIDE, factor, WIDE)))
            self.conv_last = nn.Conv2d(WIDE, 3, 3, padding=1)

    def forward(self, x: Tensor, pick: Pick = most_likely) -> Tensor:
        """The enlarged image.

        Args:
            x: N·3·H·W.
            pick: How pixels choose their tokens.
        """
        height, width = x.shape[-2:]
        window = self.settings.window
        mean = torch.tensor(MEAN, device=x.device, dtype=x.dtype).view(3, 1, 1)
        first = self.conv_first(_mirrored(_mirrored(x, 2, window), 3, window) - mean)
        size = (first.shape[2], first.shape[3])
        mask = shift_mask(*size, window, x.device)
        deep = self.patch_embed.norm(as_sequence(first))
        for group in self.layers:
            deep = group(deep, size, self.relative_position_index_SA, mask, pick)
        deep = self.conv_after_body(as_image(self.norm(deep), size)) + first
        large = self._enlarged(deep) + mean
        return large[..., : height * self.settings.scale, : width * self.settings.scale]

    def _enlarged(self, deep: Tensor) -> Tensor:
        if self.settings.is_light:
            return self.upsample(deep)  # type: ignore[no-any-return]
        return self.conv_last(self.upsample(self.conv_before_upsample(deep)))  # type: ignore[no-any-return]


def _mirrored(x: Tensor, axis: int, window: int) -> Tensor:
    """The image continued by its mirror image, border pixels twice, until the axis is a whole number of windows."""
    wanted = -(-x.shape[axis] // window) * window
    while x.shape[axis] < wanted:
        x = torch.cat([x, x.flip(axis)], axis)
    return x.narrow(axis, 0, wanted)


def _enlargement(channels: int, scale: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, outputs * scale**2, 3, padding=1), nn.PixelShuffle(scale))


@TEACHERS.register("mambair_v2")
class MambaIRv2(Teacher):
    """MambaIRv2, light by default (780,587 parameters at ×3); all published sizes are these settings.

    References:
        MambaIRv2: Attentive State Space Restoration (Guo et al., 2024), https://arxiv.org/abs/2411.15269.
    """

    channels: int = Field(default=48, ge=3)
    """Feature channels."""

    depths: tuple[int, ...] = (5, 5, 5, 5)
    """Layers of each group."""

    heads: int = Field(default=4, ge=1)
    """Of the attention."""

    window: int = Field(default=16, ge=2)
    """Pixels a side."""

    states: int = Field(default=8, ge=1)
    """Of the scan, per channel."""

    rank: int = Field(default=32, ge=1)
    """Of the token embeddings."""

    tokens: int = Field(default=64, ge=1)
    """How many a pixel can choose from."""

    hidden: int = Field(default=48, ge=1)
    """Channels inside the feed-forward and state-space parts."""

    size: Literal["light", "full"] = "light"
    """Gated feed-forward parts and one convolution at the end, or plain ones and a tail of their own."""

    routing: Literal["gumbel", "argmax"] = "gumbel"
    """How a pixel chooses its token: by chance, as the network was trained, or always the most likely one."""

    draws: int = Field(default=1, ge=1)
    """How many runs with other noise are averaged; only ``gumbel`` reads it."""

    @property
    def is_light(self) -> bool:
        return self.size == "light"

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        return MambaIRv2Net(self)

    def enlarged(self, module: nn.Module, x: Tensor, seeds: Sequence[int]) -> Tensor:
        """The module's output, or the mean of several draws."""
        if self.routing == "argmax":
            return module(x)  # type: ignore[no-any-return]
        pick = Gumbel(seeds)
        return torch.stack([module(x, pick) for _ in range(self.draws)]).mean(0)

    @classmethod
    def settings_from(cls, weights: Mapping[str, Tensor]) -> dict[str, Any] | None:
        """The architecture that published keys and shapes tell."""
        layer = "layers.0.residual_group.layers.0."
        if f"{layer}assm.selectiveScan.A_logs" not in weights:
            return None
        light = f"{layer}convffn1.sg.conv.weight" in weights
        shape = {key.removeprefix(layer): tuple(value.shape) for key, value in weights.items()}
        hidden, states = shape["assm.selectiveScan.A_logs"]
        tokens, rank = shape["assm.embeddingB.weight"]
        return {
            "channels": shape["conv_first.weight"][0],
            "depths": _depths(weights),
            "heads": shape["win_mhsa.relative_position_bias_table"][1],
            "window": math.isqrt(shape["relative_position_index_SA"][0]),
            "states": states,
            "rank": rank,
            "tokens": tokens,
            "hidden": hidden,
            "size": "light" if light else "full",
            "scale": _scale(weights, light=light),
        }


def _depths(weights: Mapping[str, Tensor]) -> tuple[int, ...]:
    found = re.findall(r"^layers\.(\d+)\.residual_group\.layers\.(\d+)\.scale1$", "\n".join(weights), re.MULTILINE)
    groups = [int(group) for group, _ in found]
    return tuple(groups.count(group) for group in range(max(groups) + 1))


def _scale(weights: Mapping[str, Tensor], *, light: bool) -> int:
    shuffled = [len(value) for key, value in weights.items() if key.startswith("upsample.") and key.endswith("weight")]
    if light:
        return math.isqrt(shuffled[0] // 3)
    return math.prod(math.isqrt(channels // WIDE) for channels in shuffled)
