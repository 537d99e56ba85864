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

_NAMES = "avif bmp dib exr gif hdr jp2 jpe jpeg jpg pam pbm pfm pgm pic png pnm ppm ras sr tif tiff webp"
SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())
"""File names that count as images in a folder: all that OpenCV reads, so that what cannot be used is named."""


def decode_image(data: bytes, where: str) -> Image:
    """The RGB image in some file's bytes, the way up it is shown; a grey one is repeated to three channels.

    Raises:
        InputError: It does not decode, has more than 8 bits a channel, or has pixels that are not opaque.
    """
    encoded = np.frombuffer(data, np.uint8)
    raw, has_exif = _unchanged(encoded)
    if raw is None:
        raise InputError("does not decode as an image", where=where, hint="remove it or save it again as PNG")
    if raw.dtype != np.uint8:
        raise InputError(
            f"has {raw.dtype.itemsize * 8} bits a channel; expected 8", where=where, hint="convert it to 8-bit PNG"
        )
    if raw.shape[2:] == (4,) and (raw[:, :, 3] != 255).any():
        raise InputError(
            "has transparent pixels; expected an opaque image", where=where, hint="flatten it onto a background"
        )
    if has_exif:  # only this way of decoding turns the image as EXIF says; the pixels are the same otherwise
        raw = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    if raw.ndim == 2 or raw.shape[2] == 1:
        return np.repeat(raw.reshape(*raw.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(raw[:, :, 2::-1])


def _unchanged(encoded: NDArray[np.uint8]) -> tuple[NDArray[Any] | None, bool]:
    """(all channels at their own depth, BGR, or None where OpenCV cannot; whether there is EXIF)."""
    if not encoded.size:
        return None, False
    try:
        raw, kinds, _ = cv2.imdecodeWithMetadata(encoded, flags=cv2.IMREAD_UNCHANGED)
    except cv2.error:  # a header that promises more pixels than OpenCV allows
        return None, False
    return raw, cv2.IMAGE_METADATA_EXIF in kinds


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
