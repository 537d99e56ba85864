"""Protocols: what exactly a PSNR is the PSNR of. Every number carries one, and numbers of different ones never meet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError, RecipeError
from sr2tflite.registry import nearest

LUMA = np.array([65.481, 128.553, 24.966]) / 255.0
"""BT.601 studio-range weights of R, G, B in 0…255; ``Y = 16 + LUMA · rgb``, 16…235 (MATLAB ``rgb2ycbcr``)."""


def luma(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The Y channel of an RGB image, height × width × 1, not rounded."""
    return (16.0 + image.astype(np.float64) @ LUMA)[:, :, None]


@dataclass(frozen=True)
class Protocol:
    """Which samples of two 8-bit RGB images are compared; the range is always 255."""

    name: str
    on_luma: bool
    """Y instead of R, G, B."""

    shave: bool
    """Leave out a border as wide as the scale."""

    def id(self, scale: int) -> str:
        """What the numbers carry: ``y-shave3 (Y unrounded, shave 3, range 255)``."""
        color = "Y unrounded" if self.on_luma else "RGB"
        return f"{self.name} ({color}, shave {scale if self.shave else 0}, range 255)"

    def samples(self, image: NDArray[np.uint8], scale: int) -> NDArray[np.float64]:
        """The compared part of an image, float64, height × width × channels.

        Raises:
            InputError: Nothing is left within the border.
        """
        border = scale if self.shave else 0
        height, width = image.shape[:2]
        if min(height, width) <= 2 * border:
            raise InputError(f"image of {height}×{width} pixels is all border; {self.name} shaves {border}")
        inner = image[border : height - border, border : width - border]
        return luma(inner) if self.on_luma else inner.astype(np.float64)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("rgb", on_luma=False, shave=False),
        Protocol("rgb-shave3", on_luma=False, shave=True),
        Protocol("y-shave3", on_luma=True, shave=True),
    )
}
"""By name; the 3 in a name is the usual scale, the border is as wide as the scale at hand."""


def protocol_named(name: str) -> Protocol:
    """The protocol of this name.

    Raises:
        RecipeError: There is none.
    """
    if name not in PROTOCOLS:
        raise RecipeError(f"unknown protocol {name!r}", hint=nearest(name, list(PROTOCOLS)))
    return PROTOCOLS[name]


@dataclass(frozen=True)
class Score:
    """A PSNR and an SSIM, and what they were measured on."""

    psnr: float
    """dB; infinite where two images are equal."""

    ssim: float
    protocol: str
    """``Protocol.id``."""

    images: str
    """Hash of the image set."""

    def drop_from(self, reference: "Score") -> tuple[float, float]:
        """How far this is below a reference: PSNR in dB, and SSIM.

        Raises:
            InputError: The two were measured by different protocols or on different images.
        """
        for what, here, there in (
            ("protocol", self.protocol, reference.protocol),
            ("images", self.images, reference.images),
        ):
            if here != there:
                raise InputError(
                    f"{what} {here!r} cannot be compared with {what} {there!r}",
                    hint="evaluate both artifacts in one command",
                )
        psnr_drop = 0.0 if self.psnr == reference.psnr else reference.psnr - self.psnr
        return psnr_drop, reference.ssim - self.ssim
