"""Random training patches: the batch of a step is a function of the seed and the step: a resumed run sees the same."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sr2tflite.data.cache import ImageCache
from sr2tflite.data.images import Image
from sr2tflite.errors import InputError


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


def _augment(image: Image, turn: int) -> Image:
    """One of the eight symmetries of the square."""
    image = np.rot90(image, turn % 4)
    return image[:, ::-1] if turn >= 4 else image


class Patches:
    """Random crops, flipped and turned, from a cache of images.

    Images are drawn with probability proportional to their area.

    Args:
        cache: The images.
        patch: P, side of an LR patch.
        batch: N, patches in a batch.
        seed: Of the draws.

    Raises:
        InputError: No image is as large as a patch.
    """

    def __init__(self, cache: ImageCache, *, patch: int, batch: int, seed: int) -> None:
        self.cache, self.patch, self.batch, self.seed = cache, patch, batch, seed
        areas = np.array([e.height * e.width * (min(e.height, e.width) >= patch) for e in cache.entries], np.float64)
        if not areas.any():
            side = patch * cache.scale
            raise InputError(
                f"no training image is {side}×{side} pixels or larger; expected room for an LR patch of {patch}",
                hint="give larger images, or lower patch where it is a setting",
            )
        self._probability = areas / areas.sum()

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        rng = np.random.default_rng([self.seed, step])
        lrs, hrs = [], []
        for index in rng.choice(len(self.cache), self.batch, p=self._probability):
            lr, hr = self._crop(int(index), rng)
            lrs.append(lr)
            hrs.append(hr)
        return Batch(_stack(lrs), _stack(hrs))

    def _crop(self, index: int, rng: np.random.Generator) -> tuple[Image, Image]:
        lr, hr, side, scale = self.cache.lr(index), self.cache.hr(index), self.patch, self.cache.scale
        top = int(rng.integers(lr.shape[0] - side + 1))
        left = int(rng.integers(lr.shape[1] - side + 1))
        turn = int(rng.integers(8))
        hr_rows, hr_columns = (slice(start * scale, (start + side) * scale) for start in (top, left))
        return _augment(lr[top : top + side, left : left + side], turn), _augment(hr[hr_rows, hr_columns], turn)


def _stack(images: list[Image]) -> Tensor:
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32))
