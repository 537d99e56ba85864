"""The image that a file is measured on: seeded noise of the file's type and size. Imports NumPy and LiteRT only."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.runtime import LiteRT

SMALLER = "choose a smaller size: --height and --width"
"""What to do where memory does not suffice."""


def noise(dtype: Any, shape: Sequence[int]) -> NDArray[Any]:
    """Seeded pixels, the same for every model: 0…255, less 128 for int8."""
    pixels = np.random.default_rng(0).integers(0, 256, tuple(shape), np.uint8)
    dtype = np.dtype(dtype)
    return (pixels.astype(np.int16) - 128).astype(dtype) if dtype == np.int8 else pixels.astype(dtype)


def size_for(engine: LiteRT, asked: Sequence[int]) -> tuple[int, int]:
    """Height and width that a file is measured at: its own where it fixes them, else what was asked for.

    Raises:
        InputError: It does not take one image: it has several inputs, or another rank than NHWC.
    """
    shape = [int(one) for one in engine.input["shape_signature"]]
    if engine.input_count > 1:
        raise InputError(f"has {engine.input_count} inputs; expected one image", where=engine.where)
    if len(shape) != 4:
        raise InputError(f"input is {shape}; expected an image, NHWC", where=engine.where)
    height, width = (free if own < 0 else own for own, free in zip(shape[1:3], asked, strict=True))
    return height, width


def image_for(engine: LiteRT, size: Sequence[int]) -> NDArray[Any]:
    """Noise of the input's type and channels.

    Raises:
        InputError: There is not enough memory for it.
    """
    try:
        return noise(engine.input["dtype"], (1, *size, int(engine.input["shape"][3])))
    except MemoryError as error:
        message = f"an image of {size[0]}×{size[1]} pixels needs more memory than there is"
        raise InputError(message, where=engine.where, hint=SMALLER) from error
