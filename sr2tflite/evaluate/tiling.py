"""Running a fixed-size network over a larger image so that the result equals the whole image, byte for byte.

Zero padding inside a network is not equal to any padding of the image, so tiles touch the image's real borders: the
first starts at 0, the last ends at the end, and of each only pixels farther than the halo from a *cut* edge are kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph
from sr2tflite.graph.receptive_field import receptive_field

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in input pixels: it reads ``start … start + tile`` and keeps ``low … high``."""

    start: int
    low: int
    high: int


def spans(size: int, tile: int, halo: int) -> list[Span]:
    """Tiles that cover an axis, each kept pixel once, none of them nearer than the halo to a cut edge.

    Args:
        size: Of the image, at least ``tile``.
        tile: Of the network's input.
        halo: The receptive field's radius.

    Raises:
        InputError: The image needs more than one tile, and a tile is no larger than its own halo.
    """
    assert size >= tile
    if size > tile and tile <= 2 * halo:
        raise InputError(
            f"a tile of {tile} pixels is all within {halo} of its edges; expected at least {2 * halo + 1} pixels",
            hint="export a larger fixed shape or a free-shape file",
        )
    found: list[Span] = []
    low = 0
    while low < size:
        start = min(max(low - halo, 0), size - tile)
        high = size if start + tile == size else start + tile - halo
        found.append(Span(start, low, high))
        low = high
    return found


@dataclass(frozen=True)
class Tiling:
    """A network of a fixed input size, and what is needed to run it in tiles."""

    infer: Callable[[Image], Image]
    size: tuple[int, int]
    """Height and width of the network's input."""

    halo: int
    scale: int

    def __call__(self, lr: Image) -> Image:
        """The whole output of an image at least as large as the network's input."""
        rows = spans(lr.shape[0], self.size[0], self.halo)
        columns = spans(lr.shape[1], self.size[1], self.halo)
        sr = np.empty((lr.shape[0] * self.scale, lr.shape[1] * self.scale, 3), np.uint8)
        for row in rows:
            for column in columns:
                self._paste(sr, lr, row, column)
        return sr

    def _paste(self, sr: Image, lr: Image, row: Span, column: Span) -> None:
        height, width = self.size
        tile = self.infer(lr[row.start : row.start + height, column.start : column.start + width])
        target = tuple(slice(span.low * self.scale, span.high * self.scale) for span in (row, column))
        source = tuple(
            slice((span.low - span.start) * self.scale, (span.high - span.start) * self.scale) for span in (row, column)
        )
        sr[target] = tile[source]


@dataclass(frozen=True)
class FreeSize:
    """A network of free input size over images of any size, larger ones in tiles, so that memory is bounded.

    Equal to the whole image byte for byte where the network is made of integers; float sums may be taken in another
    order in a tile, so that a value on the edge between two bytes may fall to the other side.
    """

    infer: Callable[[Image], Image]
    tile: int
    """Height and width of the largest input that is run at once."""

    halo: int
    scale: int

    def __call__(self, lr: Image) -> Image:
        """The whole output."""
        tile = max(self.tile, 2 * self.halo + 1)
        if max(lr.shape[:2]) <= tile:
            return self.infer(lr)
        size = min(tile, lr.shape[0]), min(tile, lr.shape[1])
        return Tiling(self.infer, size, self.halo, self.scale)(lr)


def has_integers_alone(graph: Graph) -> bool:
    """Whether no activation is float: integers do not depend on where in an image they are computed."""
    return all(one.is_constant or one.dtype != "float32" for one in graph.tensors.values())


@dataclass(frozen=True)
class FixedSize:
    """A network of a fixed input size over images of any size, always as if it had run on the whole image."""

    infer: Callable[[Image], Image]
    size: tuple[int, int]
    scale: int
    where: str
    graph: Graph | None
    """For its receptive field; None where the file holds what the deploy graph cannot."""

    resized: Callable[[Image], Image] | None = None
    """The same ops at the image's own size, where the runtime can; for images smaller than ``size``."""

    @property
    def note(self) -> str:
        """How images of other sizes are run."""
        smaller = "refused" if self.resized is None else "run by the same ops at their own size"
        return f"fixed at {self.size[0]}×{self.size[1]}: larger images are tiled exactly, smaller ones {smaller}"

    def __call__(self, lr: Image) -> Image:
        """The whole output.

        Raises:
            InputError: The image is smaller than the file, and the runtime cannot resize the file.
            UnsupportedError: The network depends on where in the image it is, so that no tiling is exact.
        """
        if lr.shape[:2] == self.size:
            return self.infer(lr)
        halo = self._halo()
        if lr.shape[0] >= self.size[0] and lr.shape[1] >= self.size[1]:
            return Tiling(self.infer, self.size, halo, self.scale)(lr)
        if self.resized is None:
            raise self._too_small(lr)
        return self._checked(self.resized(lr), lr)

    def _halo(self) -> int:
        if self.graph is None:
            raise InputError(
                f"is fixed at {self.size[0]}×{self.size[1]} and holds ops that cannot be tiled exactly",
                where=self.where,
                hint="use a free-shape file",
            )
        return receptive_field(self.graph)

    def _too_small(self, lr: Image) -> InputError:
        return InputError(
            f"image of {lr.shape[0]}×{lr.shape[1]} is smaller than the file, fixed at {self.size[0]}×{self.size[1]};"
            " padding it would change its border",
            where=self.where,
            hint="use a free-shape file, or one fixed at a smaller size",
        )

    def _checked(self, sr: Image, lr: Image) -> Image:
        if sr.shape[:2] != (lr.shape[0] * self.scale, lr.shape[1] * self.scale):
            raise self._too_small(lr)
        return sr
