"""Reading and writing images as uint8 RGB arrays, height × width × 3."""

from dataclasses import dataclass
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
WRITTEN = (".png", ".webp", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
"""Formats that images are written in; all but JPEG without loss."""

_WHITE_IS_FULL = (b"\x89PNG", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How files begin, PNG and TIFF, whose 16 bits have white at 65535; in PGM and AVIF it may be 1023."""

_WITH_ALPHA = {".png", ".webp", ".tif", ".tiff"}

SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())
"""File names that count as images in a folder: all that OpenCV reads, so that what cannot be used is named."""


def decode_image(data: bytes, where: str) -> Image:
    """The RGB image in some file's bytes, the way up it is shown; a grey one is repeated to three channels.

    Raises:
        InputError: It does not decode, has more than 8 bits a channel, or has pixels that are not opaque.
    """
    layers = decode_layers(data, where)
    if layers.alpha is not None and (layers.alpha != 255).any():
        raise InputError(
            "has transparent pixels; expected an opaque image", where=where, hint="flatten it onto a background"
        )
    return layers.rgb


@dataclass(frozen=True, eq=False)
class Layers:
    """An image with what does not fit into three channels."""

    rgb: Image
    """A grey image is repeated to three channels."""

    alpha: NDArray[np.uint8] | None
    """Height × width; None where the file has none."""

    is_grey: bool
    """Whether the file has one channel."""

    bits: int = 8
    """A channel, in the file; more than 8 were rounded."""


def decode_layers(data: bytes, where: str, *, rounds: bool = False) -> Layers:
    """All that is in some image file's bytes, the way up it is shown.

    Args:
        data: The file's bytes.
        where: The file.
        rounds: Whether the 16 bits of a PNG or TIFF are rounded to 8 (see :func:`_rounded`): for whoever wants to see
            an image, not for what is measured or trained on. Of other formats OpenCV does not tell what white is.

    Raises:
        InputError: It does not decode, or has more than 8 bits a channel.
    """
    encoded = np.frombuffer(data, np.uint8)
    raw, exif = _unchanged(encoded)
    if raw is None:
        raise InputError("does not decode as an image", where=where, hint="remove it or save it again as PNG")
    bits = 8 * raw.dtype.itemsize
    if raw.dtype != np.uint8 and not (rounds and raw.dtype == np.uint16 and data.startswith(_WHITE_IS_FULL)):
        raise InputError(f"has {bits} bits a channel; expected 8", where=where, hint="convert it to 8-bit PNG")
    alpha = np.ascontiguousarray(raw[:, :, 3]) if raw.shape[2:] == (4,) else None
    if exif is not None:  # only this way of decoding turns the image as EXIF says; the pixels are the same otherwise
        color = cv2.IMREAD_COLOR if raw.ndim == 3 else cv2.IMREAD_GRAYSCALE
        raw = np.asarray(cv2.imdecode(encoded, color | cv2.IMREAD_ANYDEPTH), raw.dtype)
        alpha = None if alpha is None else _turned(alpha, exif)
    pixels, alpha = _rounded(raw), None if alpha is None else _rounded(alpha)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return Layers(np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2), alpha, True, bits)
    return Layers(np.ascontiguousarray(pixels[:, :, 2::-1]), alpha, False, bits)


def _rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values of 16 bits in 8: ``⌊v / 257 + 1/2⌋``, which is exact for what 8 bits can say, v = 257·k; uint8 stays.

    257 is odd, so that no value lies half way.
    """
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _turned(plane: NDArray[Any], exif: NDArray[np.uint8]) -> NDArray[Any]:
    """A plane turned as EXIF says: by OpenCV, which turns only what it decodes to color or grey."""
    _, encoded = cv2.imencodeWithMetadata(".png", plane, [cv2.IMAGE_METADATA_EXIF], [exif])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH), plane.dtype)


def _unchanged(encoded: NDArray[np.uint8]) -> tuple[NDArray[Any] | None, NDArray[np.uint8] | None]:
    """(all channels at their own depth, BGR, or None where OpenCV cannot; EXIF where there is some)."""
    if not encoded.size:
        return None, None
    try:
        raw, kinds, contents = cv2.imdecodeWithMetadata(encoded, flags=cv2.IMREAD_UNCHANGED)
    except cv2.error:  # a header that promises more pixels than OpenCV allows
        return None, None
    found = dict(zip(kinds, contents, strict=True)).get(cv2.IMAGE_METADATA_EXIF)
    return raw, None if found is None else np.asarray(found, np.uint8)


def read_image(path: Path) -> Image:
    """The RGB image in a file; see :func:`decode_image` for what is refused."""
    return decode_image(read_bytes(path), str(path))


def write_image(path: Path, image: Image) -> None:
    """Write an RGB image in the format its suffix names, whole or not at all."""
    done, encoded = cv2.imencode(path.suffix, image[:, :, ::-1])
    assert done, f"OpenCV cannot encode {path.suffix}"
    write_bytes(path, encoded.tobytes())


def encode_layers(layers: Layers, suffix: str) -> bytes:
    """An image file's bytes, without loss where the format can; grey stays grey and alpha stays.

    Args:
        layers: The image.
        suffix: Of the file's name: what :data:`WRITTEN` lists.

    Raises:
        InputError: The format knows no alpha, or no image that large.
    """
    pixels: NDArray[np.uint8] = np.asarray(layers.rgb[:, :, ::-1])
    if layers.is_grey:
        pixels = np.asarray(cv2.cvtColor(layers.rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    if layers.alpha is not None:
        if suffix not in _WITH_ALPHA:
            raise InputError(f"{suffix} files hold no alpha; expected one of: {', '.join(sorted(_WITH_ALPHA))}")
        color = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        pixels = np.concatenate([color, layers.alpha[..., None]], axis=2)
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    try:
        done, encoded = cv2.imencode(suffix, np.ascontiguousarray(pixels), lossless)
    except cv2.error:
        done = False
    if not done:
        raise InputError(f"an image of {pixels.shape[0]}×{pixels.shape[1]} does not fit into a {suffix} file")
    return encoded.tobytes()


def list_images(folder: Path) -> list[Path]:
    """The image files in a folder and below it, sorted by name; a single file stands for itself.

    Raises:
        InputError: There is no such folder, or no image in it.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError("no such folder or image", where=str(folder), hint="give a folder of images, or an image")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        known = ", ".join(sorted(SUFFIXES))
        raise InputError("holds no image", where=str(folder), hint=f"expected files named {known}")
    return found
