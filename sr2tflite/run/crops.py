"""Side-by-side crops: the same part of an image from every artifact, enlarged without smoothing, with captions."""

from collections.abc import Mapping
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
CAPTION_HEIGHT = 26
GAP = 6
ZOOM = 3
SIDE = 128
"""Of the window, in pixels of the large image."""

BICUBIC, FLOAT, BASELINE, FINAL, ORIGINAL = "bicubic", "float", "INT8, ptq", "INT8", "original"
RENDERINGS = (BICUBIC, FLOAT, BASELINE, FINAL, ORIGINAL)
"""The captions of a run's pictures, from left to right."""

PALETTE = cv2.COLORMAP_INFERNO
"""Of error maps: black where two renderings are equal."""


def busiest_window(image: Image, side: int) -> tuple[int, int]:
    """Top and left of the square window with the largest sum of absolute gradients: where super-resolution shows."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    energy = np.abs(cv2.Laplacian(gray, cv2.CV_32F))
    height, width = gray.shape
    side = min(side, height, width)
    total = cv2.integral(energy)
    sums = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    top, left = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return int(top), int(left)


def _panel(image: Image, caption: str) -> Image:
    zoomed = cv2.resize(image, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_NEAREST)
    bar = np.full((CAPTION_HEIGHT, zoomed.shape[1], 3), 255, np.uint8)
    cv2.putText(bar, caption, (4, CAPTION_HEIGHT - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    panel: Image = np.vstack([bar, zoomed]).astype(np.uint8)
    return panel


def side_by_side(images: Mapping[str, Image], side: int = SIDE) -> Image:
    """One picture of the busiest window of several renderings of an image.

    Args:
        images: Caption to image, all of one size; the window is chosen on the last one.
        side: Of the window, in pixels; at most the image's shorter side.
    """
    last = list(images.values())[-1]
    side = min(side, *last.shape[:2])
    top, left = busiest_window(last, side)
    panels = [_panel(image[top : top + side, left : left + side], caption) for caption, image in images.items()]
    gap = np.full((panels[0].shape[0], GAP, 3), 255, np.uint8)
    row = [part for panel in panels for part in (panel, gap)][:-1]
    picture: Image = np.hstack(row).astype(np.uint8)
    return picture


def windows(picture: Image) -> list[Image] | None:
    """The windows that :func:`side_by_side` put side by side, at their own size; None for any other picture."""
    height, width = picture.shape[:2]
    side, rest = divmod(height - CAPTION_HEIGHT, ZOOM)
    if side < 1 or rest or (width + GAP) % (side * ZOOM + GAP):
        return None
    step = side * ZOOM + GAP
    return [
        np.ascontiguousarray(picture[CAPTION_HEIGHT::ZOOM, start : end - GAP : ZOOM])
        for start, end in pairwise(range(0, width + GAP + 1, step))
    ]


def distance(one: Image, other: Image) -> Image:
    """How far two renderings are apart, pixel by pixel: the largest |difference| over the channels, 0…255."""
    found: Image = np.abs(one.astype(np.int16) - other).max(axis=2).astype(np.uint8)
    return found


def error_map(apart: Image) -> Image:
    """A distance as a picture, from black, equal, to bright, the largest of it."""
    most = max(int(apart.max()), 1)
    spread = np.rint(apart.astype(np.float64) * (255 / most)).astype(np.uint8)
    colored: Image = np.ascontiguousarray(cv2.applyColorMap(spread, PALETTE)[:, :, ::-1])
    return colored


def palette() -> list[str]:
    """The 256 colors of error maps, dark to bright, as ``#rrggbb``."""
    colors = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], PALETTE)[:, 0, ::-1]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colors.tolist()]
