"""Reading and writing images as uint8 RGB arrays, height × width × 3."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.files import read_bytes, write_bytes

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what does not decode is an error here

Image = NDArray[np.uint8]
"""Height × width × 3, RGB, 0…255."""

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm"})
"""File names that count as images in a folder."""


def decode_image(data: bytes, where: str) -> Image:
    """The RGB image in some file's bytes; a grey one is repeated to three channels.

    Raises:
        InputError: It does not decode, has more than 8 bits a channel, or has pixels that are not opaque.
    """
    raw: NDArray[Any] | None = None
    if data:
        raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if raw is None:
        raise InputError("does not decode as an image", where=where, hint="remove it or save it again as PNG")
    if raw.dtype != np.uint8:
        raise InputError(
            f"has {raw.dtype.itemsize * 8} bits a channel; expected 8", where=where, hint="convert it to 8-bit PNG"
        )
    if raw.ndim == 2:
        raw = raw[:, :, None]
    if raw.shape[2] == 1:
        return np.repeat(raw, 3, axis=2)
    if raw.shape[2] == 4 and (raw[:, :, 3] != 255).any():
        raise InputError(
            "has transparent pixels; expected an opaque image", where=where, hint="flatten it onto a background"
        )
    return np.ascontiguousarray(raw[:, :, 2::-1])


def read_image(path: Path) -> Image:
    """The RGB image in a file; see :func:`decode_image` for what is refused."""
    return decode_image(read_bytes(path), str(path))


def write_image(path: Path, image: Image) -> None:
    """Write an RGB image in the format its suffix names, whole or not at all."""
    done, encoded = cv2.imencode(path.suffix, image[:, :, ::-1])
    assert done, f"OpenCV cannot encode {path.suffix}"
    write_bytes(path, encoded.tobytes())


def list_images(folder: Path) -> list[Path]:
    """The image files in a folder and below it, sorted by name; a single file stands for itself.

    Raises:
        InputError: There is no such folder, or no image in it.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), hint="give a folder of images, or an image")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        known = ", ".join(sorted(SUFFIXES))
        raise InputError("holds no image", where=str(folder), hint=f"expected files named {known}")
    return found
