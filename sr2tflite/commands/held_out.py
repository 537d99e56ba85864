"""Training images that are held out: what they say of a module in training, in figures and in a picture."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sr2tflite.data.bicubic import upscale
from sr2tflite.data.borders import extended
from sr2tflite.data.cache import ImageCache
from sr2tflite.data.images import Image
from sr2tflite.data.patches import to_tensor
from sr2tflite.errors import RecipeError
from sr2tflite.evaluate.metrics import psnr
from sr2tflite.evaluate.protocols import PROTOCOLS

SAMPLE = 96
"""Side of the middle of an LR image that is shown, at most."""


@dataclass(frozen=True)
class HeldOut:
    """Judges a module, pixels in its own units in and out, by images it is not trained on."""

    images: ImageCache
    peak: float
    """What white is for the module."""

    protocol: str = "rgb"

    multiple: int = 1
    """What the sides of the module's input have to be multiples of."""

    def psnr(self, module: nn.Module) -> float:
        """Mean PSNR in dB over the images, outputs rounded to 8 bits; by the protocol."""
        protocol, scale, total = PROTOCOLS[self.protocol], self.images.scale, 0.0
        for index in range(len(self.images)):
            sr = self._enlarged(module, self.images.lr(index))
            total += psnr(*(protocol.samples(image, scale) for image in (sr, self.images.hr(index))))
        return total / len(self.images)

    def sample(self, module: nn.Module) -> Image:
        """The middle of the first image: bicubic, the module's output and the HR image, side by side."""
        lr, scale = self.images.lr(0), self.images.scale
        (top, height), (left, width) = ((max(size - SAMPLE, 0) // 2, min(size, SAMPLE)) for size in lr.shape[:2])
        lr = lr[top : top + height, left : left + width]
        hr = self.images.hr(0)[top * scale : (top + height) * scale, left * scale : (left + width) * scale]
        return np.concatenate([upscale(lr, scale), self._enlarged(module, lr), hr], axis=1)

    def first_patch(self) -> Tensor:
        """The middle of the first LR image as 1·3·H·W float32 in pixel units."""
        lr = self.images.lr(0)
        top, left = (max(size - SAMPLE, 0) // 2 for size in lr.shape[:2])
        return to_tensor(extended(lr[top : top + SAMPLE, left : left + SAMPLE], self.multiple))

    def _enlarged(self, module: nn.Module, lr: Image) -> Image:
        device = next(module.parameters()).device
        height, width = (size * self.images.scale for size in lr.shape[:2])
        sr = module(to_tensor(extended(lr, self.multiple)).to(device) * (self.peak / 255)) * (255 / self.peak)
        image: Image = sr[0, :, :height, :width].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return image


def refuse_patch(patch: int, multiple: int) -> None:
    """Stop before a training whose patches the network does not take.

    Raises:
        RecipeError: Their side is no multiple of what it has to be.
    """
    if patch % multiple:
        hint = f"for example --set patch={-(-patch // multiple) * multiple}"
        raise RecipeError(f"patch: is {patch}; expected a multiple of {multiple}, as the network halves it", hint=hint)
