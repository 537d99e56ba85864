"""The nearest-neighbor anchor: every output pixel starts from the input pixel it lies in."""

from torch import Tensor


def nearest_anchor(x: Tensor, scale: int) -> Tensor:
    """The input's channels repeated s² times, so that PixelShuffle makes the nearest-neighbor enlargement of them.

    Args:
        x: N·C·H·W.
        scale: s.

    Returns:
        N·(C·s²)·H·W in PixelShuffle's order: channel c·s² + k is channel c of the input.
    """
    return x.repeat_interleave(scale**2, dim=1)
