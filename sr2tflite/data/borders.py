"""Images for networks that take only some sizes: those that halve an image on its way need sides they can halve."""

import numpy as np

from sr2tflite.data.images import Image


def extended(image: Image, multiple: int) -> Image:
    """The image, its last row and column repeated until both sides are multiples of a number."""
    down, right = (-size % multiple for size in image.shape[:2])
    return np.pad(image, ((0, down), (0, right), (0, 0)), mode="edge") if down or right else image
