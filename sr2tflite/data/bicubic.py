"""MATLAB-compatible bicubic resizing: the one definition of how a low-resolution image comes about.

``imresize(image, 1/s)`` of MATLAB: cubic convolution with a = −0.5, stretched by s when shrinking (antialiasing),
symmetric border, rows first, and the result rounded half up to uint8 after *each* of the two passes.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sr2tflite.data.images import Image
from sr2tflite.errors import InputError

BLOCK = 1 << 15
"""Samples that are summed at a time: 256 KiB."""


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel, a = −0.5.

    References:
        Cubic convolution interpolation for digital image processing (Keys, 1981), equation 15.
    """
    a = np.abs(x)
    near = 1.5 * a**3 - 2.5 * a**2 + 1
    far = -0.5 * a**3 + 2.5 * a**2 - 4 * a + 2
    kernel: NDArray[np.float64] = near * (a <= 1) + far * ((a > 1) & (a <= 2))
    return kernel


@lru_cache(maxsize=64)
def _taps(size_in: int, size_out: int, factor: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Source indices and weights of each output sample, both size_out × taps; ``factor`` is output over input size."""
    stretch = max(1.0, 1.0 / factor)
    support = 4.0 * stretch
    centers = (np.arange(1, size_out + 1) / factor) + 0.5 * (1 - 1 / factor)
    first = np.floor(centers - support / 2)
    positions = first[:, None] + np.arange(int(np.ceil(support)) + 2)
    weights = cubic((centers[:, None] - positions) / stretch) / stretch
    weights /= weights.sum(axis=1, keepdims=True)
    mirror = np.concatenate([np.arange(size_in), np.arange(size_in)[::-1]])
    indices = mirror[np.mod(positions - 1, 2 * size_in).astype(np.intp)]
    used = weights.any(axis=0)
    return indices[:, used], weights[:, used]


def _resize_rows(image: Image, factor: float, size_out: int) -> Image:
    """Tap by tap, a few rows at a time: what is summed stays in the processor's cache."""
    indices, weights = _taps(image.shape[0], size_out, factor)
    source = image.reshape(image.shape[0], -1)
    result = np.empty((size_out, source.shape[1]), np.uint8)
    rows = max(1, BLOCK // source.shape[1])
    for start in range(0, size_out, rows):
        block = slice(start, start + rows)
        total = np.zeros(result[block].shape)
        for taken, weight in zip(indices[block].T, weights[block].T, strict=True):
            total += weight[:, None] * source[taken]
        # half up, as MATLAB rounds; 1e-9 undoes what summing in another order takes from exact halves
        result[block] = np.floor(np.clip(total, 0, 255) + (0.5 + 1e-9))
    return result.reshape(size_out, *image.shape[1:])


def _resize(image: Image, factor: float, height: int, width: int) -> Image:
    rows = _resize_rows(image, factor, height)
    return np.ascontiguousarray(_resize_rows(rows.swapaxes(0, 1), factor, width).swapaxes(0, 1))


def crop_to_multiple(image: Image, factor: int, where: str = "image") -> Image:
    """The image without the last rows and columns that do not fill a whole low-resolution pixel.

    Raises:
        InputError: Nothing is left; ``where`` says of which file.
    """
    height, width = image.shape[:2]
    if min(height, width) < factor:
        raise InputError(
            f"is {height}×{width} pixels; expected at least {factor}×{factor}", where=where, hint="remove it"
        )
    return image[: height // factor * factor, : width // factor * factor]


def downscale(image: Image, factor: int) -> Image:
    """The low-resolution image, 1/factor as high and wide.

    Raises:
        InputError: A side is not a multiple of the factor.
    """
    height, width = image.shape[:2]
    if height % factor or width % factor or not height or not width:
        raise InputError(f"image of {height}×{width} pixels is not a multiple of {factor}")
    return _resize(image, 1 / factor, height // factor, width // factor)


def upscale(image: Image, factor: int) -> Image:
    """The image enlarged: the baseline every network is compared with."""
    return _resize(image, float(factor), image.shape[0] * factor, image.shape[1] * factor)
