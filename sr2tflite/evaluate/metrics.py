"""PSNR, SSIM and the histogram of least significant bits: the only definitions in the project."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError

RANGE = 255.0
WINDOW = 11
SIGMA = 1.5


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio, ``10 · log10(255² / mean((a − b)²))`` dB, in float64; infinite for equal arrays."""
    error = float(np.mean(np.square(a.astype(np.float64) - b.astype(np.float64))))
    return float(10 * np.log10(RANGE**2 / error)) if error else float("inf")


def _gaussian() -> NDArray[np.float64]:
    taps = np.exp(-np.square(np.arange(WINDOW) - WINDOW // 2) / (2 * SIGMA**2))
    return np.asarray(taps / taps.sum(), np.float64)


def _local_mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian average over every window that lies inside the image."""
    taps, radius = _gaussian(), WINDOW // 2
    smooth = np.asarray(cv2.sepFilter2D(x, cv2.CV_64F, taps, taps), np.float64).reshape(x.shape)
    return smooth[radius : x.shape[0] - radius, radius : x.shape[1] - radius]


def ssim_map(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Structural similarity of every window inside two images, (height − 10) × (width − 10) × channels.

    ``(2·μa·μb + c1)(2·σab + c2) / ((μa² + μb² + c1)(σa² + σb² + c2))`` with ``c1 = (0.01·255)²``,
    ``c2 = (0.03·255)²``, moments under an 11 × 11 Gaussian with σ = 1.5. Must equal ``tf.image.ssim(max_val=255)``
    before its mean, up to its float32.

    References:
        Image quality assessment: from error visibility to structural similarity (Wang et al., 2004), equation 13.

    Args:
        a: Height × width × channels, 0…255.
        b: The same shape.

    Raises:
        InputError: The images are smaller than a window.
    """
    if min(a.shape[:2]) < WINDOW:
        raise InputError(f"image of {a.shape[0]}×{a.shape[1]} pixels is too small for SSIM; expected {WINDOW} a side")
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    product = mean_x * mean_y
    squares = mean_x**2 + mean_y**2
    covariance = _local_mean(x * y) - product
    variances = _local_mean(x**2 + y**2) - squares
    c1, c2 = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
    return np.asarray((2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2)))


def ssim(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Mean of :func:`ssim_map` over windows and channels."""
    return float(np.mean(ssim_map(a, b)))


@dataclass(frozen=True)
class StepHistogram:
    """How far the samples of two 8-bit images lie apart, as counts."""

    equal: int = 0
    one: int = 0
    """Apart by one step of the last bit."""

    two: int = 0
    more: int = 0

    @property
    def total(self) -> int:
        return self.equal + self.one + self.two + self.more

    def shares(self) -> dict[str, float]:
        """Fractions of all samples, under ``0``, ``±1``, ``±2`` and ``more``."""
        counts = {"0": self.equal, "±1": self.one, "±2": self.two, "more": self.more}
        return {label: count / max(self.total, 1) for label, count in counts.items()}

    def __add__(self, other: "StepHistogram") -> "StepHistogram":
        return StepHistogram(
            self.equal + other.equal, self.one + other.one, self.two + other.two, self.more + other.more
        )


def step_histogram(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> StepHistogram:
    """Count the differences of two uint8 images of one shape."""
    counts = np.bincount(cv2.absdiff(a, b).ravel(), minlength=4)
    return StepHistogram(int(counts[0]), int(counts[1]), int(counts[2]), int(counts[3:].sum()))
