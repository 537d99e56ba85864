"""Attention within windows of the image, shifted in every other layer."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class WindowAttention(nn.Module):
    """Multi-head self-attention in windows, with a learned bias for every relative position.

    References:
        Swin Transformer (Liu et al., 2021), https://arxiv.org/abs/2103.14030, equation 4.

    Args:
        channels: Of the image.
        heads: Divides the channels.
        window: Pixels a side.
    """

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.proj = nn.Linear(channels, channels)

    def forward(self, qkv: Tensor, position: Tensor, mask: Tensor | None) -> Tensor:
        """Attention in every window.

        Args:
            qkv: N·windows × pixels × 3C.
            position: pixels × pixels, rows of the bias table.
            mask: windows × pixels × pixels, −∞ between pixels that only the shift made neighbors; or None.

        Returns:
            N·windows × pixels × C.
        """
        count, pixels, triple = qkv.shape
        q, k, v = qkv.view(count, pixels, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[position.reshape(-1)].view(pixels, pixels, -1).permute(2, 0, 1)[None]
        if mask is not None:
            bias = (bias + mask[:, None]).repeat(count // len(mask), 1, 1, 1)
        seen = scaled_dot_product_attention(q, k, v, attn_mask=bias)
        mixed: Tensor = self.proj(seen.transpose(1, 2).reshape(count, pixels, triple // 3))
        return mixed


def relative_positions(window: int) -> Tensor:
    """For two pixels of a window, the row of the bias table: pixels × pixels."""
    places = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    apart = places[:, :, None] - places[:, None, :] + window - 1
    rows: Tensor = apart[0] * (2 * window - 1)
    return rows + apart[1]


def windows(x: Tensor, size: int) -> Tensor:
    """N·H·W·C cut into N·windows × size² × C."""
    images, height, width, channels = x.shape
    cut = x.view(images, height // size, size, width // size, size, channels)
    return cut.permute(0, 1, 3, 2, 4, 5).reshape(-1, size * size, channels)


def together(cut: Tensor, size: int, height: int, width: int) -> Tensor:
    """The image that :func:`windows` cut."""
    x = cut.view(-1, height // size, width // size, size, size, cut.shape[-1])
    image: Tensor = x.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, cut.shape[-1])
    return image


def shift_mask(height: int, width: int, window: int, device: torch.device) -> Tensor:
    """The mask of an image rolled by half a window: opposite borders share windows, but must not see each other."""
    regions = [_regions(size, window, device) for size in (height, width)]
    label = (3 * regions[0][:, None] + regions[1][None, :])[None, :, :, None]
    cut = windows(label, window)[..., 0]
    return torch.zeros(len(cut), window**2, window**2, device=device).masked_fill(
        cut[:, None, :] != cut[:, :, None], -torch.inf
    )


def _regions(size: int, window: int, device: torch.device) -> Tensor:
    place = torch.arange(size, device=device)
    return (place >= size - window).long() + (place >= size - window // 2).long()
