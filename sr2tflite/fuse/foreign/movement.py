"""What a chain of reshapes, transposes and slices does to an image, told from where every element comes from.

A chain that starts and ends in an image is run on the array of its input's indices. What it does is a movement with
no size in it when the result is one of two things, for a block of r×r pixels:

- *apart*: ``out[c, h·r+i, w·r+j] = in[channels[c, i, j], h, w]``: pixel shuffles in any order; for r = 1 a selection
  of channels; where ``channels[c, i, j]`` is c for every i and j, each pixel repeated;
- *together*: ``out[k, h, w] = in[c, h·r+i, w·r+j]`` for channel k of source (c, i, j): the inverse.

All elements are compared, so what is recognized at one size *is* the movement at that size.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[Any]
Direction = Literal["apart", "together"]


@dataclass(frozen=True, eq=False)
class Movement:
    """Where each channel of the result comes from."""

    direction: Direction
    block: int
    channels: NDArray[np.intp]
    """Apart: [C_out, r, r] input channels. Together: [C_out] of (c·r + i)·r + j."""

    @property
    def repeats(self) -> bool:
        """Whether every channel stays and every pixel becomes a block of equal ones."""
        count = len(self.channels)
        return self.direction == "apart" and bool((self.channels == np.arange(count)[:, None, None]).all())

    def is_identity(self, channels: int) -> bool:
        """Whether an image of so many channels comes out as it was."""
        return self.block == 1 and self.repeats and len(self.channels) == channels


def indices(shape: tuple[int, ...]) -> Indices:
    """The array that a movement is run on: every element is its own number."""
    dtype = np.int32 if np.prod(shape, dtype=np.float64) < 2**31 else np.int64
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


def recognize(source: tuple[int, ...], result: Indices) -> Movement | None:
    """The movement that made an array of indices, if a movement did.

    Args:
        source: N×C×H×W of the image that was moved, N = 1.
        result: The indices into it after the movement, N×C×H×W.

    Returns:
        The movement; None when no block and no order of channels explains every element.
    """
    if len(source) != 4 or result.ndim != 4 or source[0] != 1 or result.shape[0] != 1:
        return None
    (_, channels, height, width), (_, _, rows, columns) = source, result.shape
    if not rows or not columns:
        return None
    block = rows // height
    if block and (rows, columns) == (height * block, width * block):
        return _apart((channels, height, width), result[0], block)
    block = height // rows
    if (height, width) == (rows * block, columns * block):
        return _together((channels, height, width), result[0], block)
    return None


def _apart(source: tuple[int, int, int], result: Indices, block: int) -> Movement | None:
    _, height, width = source
    area = height * width
    order = result[:, :block, :block].astype(np.intp) // area  # the blocks of pixel (0, 0)
    pixels = np.arange(area, dtype=result.dtype).reshape(height, 1, width, 1)
    cells = result.reshape(len(result), height, block, width, block)
    # one channel at a time: no second array of the whole size
    fits = all(
        np.array_equal(cell, pixels + (channel * area)[None, :, None, :])
        for cell, channel in zip(cells, order.astype(result.dtype), strict=True)
    )
    return Movement("apart", block, order) if fits else None


def _together(source: tuple[int, int, int], result: Indices, block: int) -> Movement | None:
    _, height, width = source
    first = result[:, 0, 0].astype(np.intp)
    channel, row, column = first // (height * width), first // width % height, first % width
    if (row >= block).any() or (column >= block).any():
        return None
    rows = np.arange(0, height, block, dtype=result.dtype)[:, None] * width
    offsets = rows + np.arange(0, width, block, dtype=result.dtype)[None, :]
    fits = all(np.array_equal(plane, offsets + plane[0, 0]) for plane in result)
    return Movement("together", block, (channel * block + row) * block + column) if fits else None
