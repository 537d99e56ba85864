"""What is done to low-resolution images that a network is to restore: ``FOLDER@noise25``, ``@blur1.6``, ``@jpeg40``.

The same image is degraded the same way wherever and whenever it is met: noise is drawn from its own pixels' hash.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sr2tflite.data.images import Image
from sr2tflite.errors import InputError
from sr2tflite.files import sha256

MARK = "@"
"""Between an entry and how its images are degraded."""


def noise(image: Image, sigma: float) -> Image:
    """Gaussian noise of standard deviation σ in pixel units on every channel, rounded half to even and clipped."""
    rng = np.random.default_rng(int(sha256(image.tobytes()), 16))
    noisy = np.rint(image + sigma * rng.standard_normal(image.shape))
    return np.asarray(noisy.clip(0, 255), np.uint8)


def blur(image: Image, sigma: float) -> Image:
    """A Gaussian of standard deviation σ in pixels, as wide as OpenCV makes it for 8 bits; borders are mirrored."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def jpeg(image: Image, quality: float) -> Image:
    """What OpenCV's JPEG of a quality, 1…100, keeps: 4:2:0 chroma."""
    _, encoded = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])


@dataclass(frozen=True)
class _Kind:
    apply: Callable[[Image, float], Image]
    amounts: str
    """In words."""
    fits: Callable[[float], bool]


KINDS = {
    "noise": _Kind(noise, "a standard deviation of 0…255", lambda sigma: 0 <= sigma <= 255),
    "blur": _Kind(blur, "a standard deviation above 0, up to 50", lambda sigma: 0 < sigma <= 50),
    "jpeg": _Kind(jpeg, "a whole quality of 1…100", lambda quality: quality in range(1, 101)),
}

_SPELLED = re.compile(rf"({'|'.join(KINDS)})(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Degradation:
    """One kind, and how much of it."""

    kind: str
    amount: float

    def __str__(self) -> str:
        return f"{self.kind}{self.amount:g}"

    def __call__(self, image: Image) -> Image:
        """The degraded image, of the same size."""
        return KINDS[self.kind].apply(image, self.amount)


def degradation(text: str) -> Degradation:
    """What ``noise25``, ``blur1.6`` or ``jpeg40`` says.

    Raises:
        InputError: There is no such kind, or its amount makes no sense.
    """
    match = _SPELLED.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is no degradation", hint="for example noise25, blur1.6 or jpeg40")
    found = Degradation(match[1], float(match[2]))
    if not KINDS[found.kind].fits(found.amount):
        raise InputError(f"{found.kind} of {found.amount:g}; expected {KINDS[found.kind].amounts}")
    return found


def parted(entry: Path) -> tuple[Path, Degradation | None]:
    """An entry without its mark, and what the mark says.

    Raises:
        InputError: What follows the mark begins like a degradation, or stands behind what is there, and is none.
    """
    before, mark, text = str(entry).rpartition(MARK)
    is_meant = text.startswith(tuple(KINDS)) or Path(before).exists()
    if not mark or entry.exists() or not is_meant:
        return entry, None
    return Path(before), degradation(text)


def marked(entry: Path, how: Degradation) -> Path:
    """An entry whose images are degraded; one that says so itself stays."""
    return entry if parted(entry)[1] is not None else Path(f"{entry}{MARK}{how}")
