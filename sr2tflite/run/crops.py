"""Side-by-side crops: the same part of an image from every artifact, enlarged without smoothing, with captions."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
CAPTION_HEIGHT = 26
GAP = 6
ZOOM = 3


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


def side_by_side(images: Mapping[str, Image], side: int = 96) -> Image:
    """One picture of the busiest window of several renderings of an image.

    Args:
        images: Caption to image, all of one size; the window is chosen on the last one.
        side: Of the window, in pixels.
    """
    top, left = busiest_window(list(images.values())[-1], side)
    panels = [_panel(image[top : top + side, left : left + side], caption) for caption, image in images.items()]
    gap = np.full((panels[0].shape[0], GAP, 3), 255, np.uint8)
    row = [part for panel in panels for part in (panel, gap)][:-1]
    picture: Image = np.hstack(row).astype(np.uint8)
    return picture
