"""Random training patches: the batch of a step is a function of the seed and the step: a resumed run sees the same."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from sr2tflite.data.cache import ImageCache
from sr2tflite.data.images import Image
from sr2tflite.errors import InputError
from sr2tflite.progress import Progress, remark, silent

_QUARTERS = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)


def to_tensor(image: Image) -> Tensor:
    """An image as 1·3·H·W float32 in pixel units."""
    return torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))


@dataclass(frozen=True)
class Batch:
    """Low- and high-resolution patches, float32 in pixel units 0…255."""

    lr: Tensor
    """N·3·P·P."""
    hr: Tensor
    """N·3·sP·sP."""
    step: int
    """Which one it is, from 0."""
    taught: Tensor | None = None
    """What a teacher makes of ``lr``, like ``hr``, where it was worked out before."""


@dataclass(frozen=True)
class Place:
    """Where a patch is cut: LR rows and columns of an image of a cache."""

    index: int
    top: int
    left: int


def augmented(image: Image, turn: int) -> Image:
    """One of the eight symmetries of the square: so many quarter turns to the left, and from 4 on, mirrored."""
    turned = np.ascontiguousarray(image)
    if turn % 4:
        turned = np.asarray(cv2.rotate(turned, _QUARTERS[turn % 4 - 1]), np.uint8)
    return np.asarray(cv2.flip(turned, 1), np.uint8) if turn >= 4 else turned


class Patches:
    """Random crops, flipped and turned, from a cache of images.

    Images are drawn with probability proportional to their area.

    Args:
        cache: The images.
        patch: P, side of an LR patch.
        batch: N, patches in a batch.
        seed: Of the draws.
        progress: Told of images that are smaller than a patch: they are never drawn.

    Raises:
        InputError: No image is as large as a patch.
    """

    def __init__(self, cache: ImageCache, *, patch: int, batch: int, seed: int, progress: Progress = silent) -> None:
        self.cache, self.patch, self.batch, self.seed = cache, patch, batch, seed
        areas = np.array([e.height * e.width * (min(e.height, e.width) >= patch) for e in cache.entries], np.float64)
        side = patch * cache.scale
        if not areas.any():
            raise InputError(
                f"no training image is {side}×{side} pixels or larger; expected room for an LR patch of {patch}",
                hint="give larger images, or lower patch where it is a setting",
            )
        if small := int((areas == 0).sum()):
            remark(progress, "left out", f"{small} of {len(areas)} images, smaller than a patch of {side}×{side}")
        self._probability = areas / areas.sum()

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        rng = np.random.default_rng([self.seed, step])
        lrs, hrs = [], []
        for index in rng.choice(len(self.cache), self.batch, p=self._probability):
            place, turn = self._place(int(index), rng), int(rng.integers(8))
            lr, hr = self.crop(place)
            lrs.append(augmented(lr, turn))
            hrs.append(augmented(hr, turn))
        return Batch(stacked(lrs), stacked(hrs), step)

    def places(self, count: int) -> list[Place]:
        """Fixed places that follow from the seed alone; a shorter list is the start of a longer one."""
        found = []
        for number in range(count):
            # a stream apart from those of the steps, which have two numbers
            rng = np.random.default_rng([self.seed, number, 0])
            found.append(self._place(int(rng.choice(len(self.cache), p=self._probability)), rng))
        return found

    def crop(self, place: Place) -> tuple[Image, Image]:
        """The LR and HR patch of a place."""
        side, scale = self.patch, self.cache.scale
        rows, columns = slice(place.top, place.top + side), slice(place.left, place.left + side)
        hr_rows, hr_columns = (slice(cut.start * scale, cut.stop * scale) for cut in (rows, columns))
        return self.cache.lr(place.index)[rows, columns], self.cache.hr(place.index)[hr_rows, hr_columns]

    def _place(self, index: int, rng: np.random.Generator) -> Place:
        height, width = self.cache.lr(index).shape[:2]
        top = int(rng.integers(height - self.patch + 1))
        return Place(index, top, int(rng.integers(width - self.patch + 1)))


def stacked(images: list[Image]) -> Tensor:
    """Images of one size as N·3·H·W float32."""
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32))
