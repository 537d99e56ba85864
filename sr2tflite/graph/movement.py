"""What a chain of reshapes and transposes does to an image, found by looking at where every element went.

A hand-written pixel shuffle (view, permute, view) is known by its effect alone: the chain is run on an image whose
values are their own flat indices, and the answer is compared with the only few things that one op of the deploy graph
can do. Nothing here knows torch; whoever can run a chain on an array of indices can ask.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Order = NDArray[np.intp]
"""Which old channel each new channel is."""


def depth_to_space(x_NCHW: NDArray[np.integer], block: int) -> NDArray[np.integer]:
    """DEPTH_TO_SPACE on NCHW: ``y[c, h·r + i, w·r + j] = x[(i·r + j)·C + c, h, w]``."""
    batch, channels, height, width = x_NCHW.shape
    split = x_NCHW.reshape(batch, block, block, channels // block**2, height, width)
    return split.transpose(0, 3, 4, 1, 5, 2).reshape(batch, -1, height * block, width * block)


def space_to_depth(x_NCHW: NDArray[np.integer], block: int) -> NDArray[np.integer]:
    """SPACE_TO_DEPTH on NCHW: ``y[(i·r + j)·C + c, h, w] = x[c, h·r + i, w·r + j]``."""
    batch, channels, height, width = x_NCHW.shape
    split = x_NCHW.reshape(batch, channels, height // block, block, width // block, block)
    return split.transpose(0, 3, 5, 1, 2, 4).reshape(batch, -1, height // block, width // block)


@dataclass(frozen=True, eq=False)
class Movement:
    """Pixels moved and channels chosen, nothing computed.

    ``shuffle``: ``y = depth_to_space(x[order])``; ``unshuffle``: ``y = space_to_depth(x)[order]``; ``channels``:
    ``y = x[order]``.
    """

    kind: Literal["channels", "shuffle", "unshuffle"]
    block: int
    """How many times larger (shuffle) or smaller (unshuffle) the image gets; 1 for channels."""

    order: Order

    def is_permutation(self, channels: int) -> bool:
        """Whether every one of so many old channels is taken once: no copies, none dropped."""
        return np.array_equal(np.sort(self.order), np.arange(channels))

    def apply(self, x_NCHW: NDArray[np.integer]) -> NDArray[np.integer]:
        """Do it to an image."""
        match self.kind:
            case "channels":
                return x_NCHW[:, self.order]
            case "shuffle":
                return depth_to_space(x_NCHW[:, self.order], self.block)
            case "unshuffle":
                return space_to_depth(x_NCHW, self.block)[:, self.order]


def recognize(index_NCHW: NDArray[np.integer], input_shape: tuple[int, ...]) -> Movement | None:
    """The movement that turned ``arange(N·C·H·W).reshape(N, C, H, W)`` into ``index_NCHW``.

    Every element is checked, so that an answer is a proof at this size.

    Args:
        index_NCHW: Where each element of the answer comes from, as flat indices.
        input_shape: N, C, H, W. H and W should differ and exceed 1: on a square or a single pixel more than one
            movement may look the same.

    Returns:
        None when it is none of these: flipped, cropped, rolled, mixed rows and columns, another batch.
    """
    if index_NCHW.ndim != 4 or len(input_shape) != 4 or 0 in (*index_NCHW.shape, *input_shape):
        return None
    found = _enlarged(index_NCHW, input_shape) or _reduced(index_NCHW, input_shape)
    if found is None or found.order.min() < 0 or found.order.max() >= _most(found, input_shape[1]):
        return None
    start = np.arange(np.prod(input_shape)).reshape(input_shape)
    return found if np.array_equal(found.apply(start), index_NCHW) else None


def _most(found: Movement, channels: int) -> int:
    return channels * found.block**2 if found.kind == "unshuffle" else channels


def _factor(large: tuple[int, ...], small: tuple[int, ...]) -> int | None:
    """How many times larger one image is than another."""
    factor = large[2] // small[2]
    return factor if factor and large[2:] == (small[2] * factor, small[3] * factor) else None


def _enlarged(index_NCHW: NDArray[np.integer], shape: tuple[int, ...]) -> Movement | None:
    block = _factor(index_NCHW.shape, shape)
    if block is None:
        return None
    channels_CIJ = index_NCHW[0, :, :block, :block] // (shape[2] * shape[3])
    order = channels_CIJ.transpose(1, 2, 0).reshape(-1).astype(np.intp)
    return Movement("channels" if block == 1 else "shuffle", block, order)


def _reduced(index_NCHW: NDArray[np.integer], shape: tuple[int, ...]) -> Movement | None:
    block = _factor(shape, index_NCHW.shape)
    if block is None:
        return None
    channel, place = np.divmod(index_NCHW[0, :, 0, 0], shape[2] * shape[3])
    row, column = np.divmod(place, shape[3])
    if max(row.max(), column.max()) >= block:
        return None
    order = (row * block + column) * shape[1] + channel
    return Movement("unshuffle", block, order.astype(np.intp))
