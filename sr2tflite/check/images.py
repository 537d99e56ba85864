"""The images that a file is tried on: bounded, and said in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr2tflite.check.finding import counted
from sr2tflite.data.images import list_images, read_image
from sr2tflite.export.cross_check import check_images

PHOTOGRAPHS = Path("calib_data")
"""Where the project's photographs lie, seen from where it is worked; used where no folder is given."""

GENERATED_SIZE = (25, 38)
"""Odd and even, larger than the kernels' borders."""

_SMALL = (96, 128)
"""Of the crops where nobody asked for certain images."""

_LARGE = (512, 512)
"""Of the crops of images that somebody asked for."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One image."""

    name: str
    pixels: NDArray[np.uint8]
    """Height × width × channels."""


@dataclass(frozen=True)
class Samples:
    """Some images, and what they are in words."""

    images: tuple[Sample, ...]
    words: str

    def __len__(self) -> int:
        return len(self.images)


def samples(folders: Sequence[Path], channels: int, step: int, limit: int) -> Samples:
    """The images of some folders; else generated ones, and the project's photographs where they are.

    Args:
        folders: Folders of images, or images; they are fed as they are, not made smaller.
        channels: Of the network's input; photographs have three.
        step: What heights and widths must be a multiple of.
        limit: At most so many photographs.

    Raises:
        InputError: A folder or image cannot be read.
    """
    if folders:
        return _photographs([path for one in folders for path in list_images(one)], _LARGE, step, limit)
    height, width = (max(length // step, 1) * step for length in GENERATED_SIZE)
    made = tuple(Sample(name, image) for name, image in check_images(height, width, channels).items())
    words = f"{len(made)} generated images of {height}×{width}"
    if channels != 3 or not PHOTOGRAPHS.is_dir() or not _listed(PHOTOGRAPHS):
        return Samples(made, words)
    taken = _photographs(_listed(PHOTOGRAPHS), _SMALL, step, limit)
    return Samples(made + taken.images, f"{words} and {taken.words} of {PHOTOGRAPHS}/")


def clouds(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Noise whose spectrum falls off as that of photographs, ``1/f``, with their usual contrast; in color.

    References:
        Relations between the statistics of natural images and the response properties of cortical cells (Field, 1987),
        https://doi.org/10.1364/JOSAA.4.002379: the amplitude falls as 1/f.

    Args:
        height: In pixels.
        width: In pixels.
        seed: Another image for each.

    Returns:
        Height × width × 3; grey on average, with a deviation of 45 levels where it is not cut.
    """
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    falloff = 1 / np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    drawn = np.random.default_rng(seed).normal(size=(3, height, width))
    # channels of photographs go together
    drawn = 0.9 * drawn[:1] + 0.1 * drawn
    planes = np.fft.irfft2(np.fft.rfft2(drawn) * falloff, s=(height, width))
    planes = (planes - planes.mean((1, 2), keepdims=True)) / planes.std((1, 2), keepdims=True)
    return np.asarray(np.clip(128 + 45 * planes, 0, 255).round().transpose(1, 2, 0), np.uint8)


def _listed(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix in (".png", ".jpg")]


def _photographs(paths: list[Path], most: tuple[int, int], step: int, limit: int) -> Samples:
    read = [Sample(path.name, _cropped(read_image(path), most, step)) for path in paths[:limit]]
    count = counted(len(read), "image") if len(read) == len(paths) else f"the first {len(read)} of {len(paths)} images"
    return Samples(tuple(read), f"{count} (their middle, at most {most[0]}×{most[1]})")


def _cropped(image: NDArray[np.uint8], most: tuple[int, int], step: int) -> NDArray[np.uint8]:
    """The middle of an image, of a size that is a multiple of ``step``."""
    sizes = [max(min(have, want) // step, 1) * step for have, want in zip(image.shape, most, strict=False)]
    top, left = ((have - want) // 2 for have, want in zip(image.shape, sizes, strict=False))
    return image[max(top, 0) : max(top, 0) + sizes[0], max(left, 0) : max(left, 0) + sizes[1]]


def fitted(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An image of another size: cut, or repeated to the right and down."""
    height, width, _ = image.shape
    times = (-(-size[0] // height), -(-size[1] // width), 1)
    return np.ascontiguousarray(np.tile(image, times)[: size[0], : size[1]])
