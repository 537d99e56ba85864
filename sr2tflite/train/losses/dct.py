"""DCT: the mean absolute difference of cosine coefficients, so that lost detail counts wherever it was."""

import math
from functools import lru_cache

import torch
from pydantic import Field
from torch import Tensor

from sr2tflite.errors import RecipeError
from sr2tflite.train.losses import LOSSES, WHITE, Loss, Sample


@lru_cache(maxsize=8)
def dct_matrix(size: int, *, orthonormal: bool = False) -> Tensor:
    """The DCT-II as a matrix, size × size float64: ``C[k, n] = 2·cos(π(2n + 1)k / 2N)``.

    Orthonormal: times ``√(1/4N)`` for k = 0 and ``√(1/2N)`` elsewhere.
    """
    steps = torch.arange(size, dtype=torch.float64)
    matrix = 2 * torch.cos(math.pi / (2 * size) * torch.outer(steps, 2 * steps + 1))
    if orthonormal:
        matrix *= math.sqrt(1 / (2 * size))
        matrix[0] *= math.sqrt(1 / 2)
    return matrix


@LOSSES.register("dct")
class Dct(Loss):
    """``mean|D(sr) − D(hr)|`` of values / 255, D a two-dimensional DCT-II of every channel.

    D is linear, so that one transform of the difference is enough.

    References:
        AIO-MAI (2026), https://arxiv.org/abs/2604.20291, L_DCT. The paper does not define D; as the authors ran it, it
        is of the whole patch and not normalized, which is what the defaults are; the rest is ours.
    """

    orthonormal: bool = False
    """Whether the transform keeps lengths. Without, coefficients grow with the patch: by 2·√(H·W) on average."""

    block: int | None = Field(default=None, ge=2)
    """Transform blocks of this side, as JPEG does with 8, instead of the whole patch."""

    def __call__(self, sample: Sample) -> Tensor:
        """Of every coefficient.

        Raises:
            RecipeError: Patches are no whole number of blocks.
        """
        difference = (sample.sr - sample.hr) / WHITE
        if self.block is not None:
            difference = _blocks(difference, self.block)
        rows, columns = (
            dct_matrix(size, orthonormal=self.orthonormal).to(difference) for size in difference.shape[-2:]
        )
        return (rows @ difference @ columns.T).abs().mean()


def _blocks(x: Tensor, side: int) -> Tensor:
    height, width = x.shape[-2:]
    if height % side or width % side:
        raise RecipeError(
            f"patches of {height}×{width} are no whole number of {side}×{side} DCT blocks",
            hint="choose a patch whose enlarged side is a multiple of the block",
        )
    images, channels = x.shape[:2]
    return x.reshape(images, channels, height // side, side, width // side, side).transpose(-3, -2)
