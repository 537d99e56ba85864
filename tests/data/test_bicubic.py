from pathlib import Path

import numpy as np
import pytest

from sr2tflite.data.bicubic import crop_to_multiple, downscale, upscale
from sr2tflite.data.images import list_images, read_image
from sr2tflite.errors import InputError
from sr2tflite.evaluate.metrics import psnr
from sr2tflite.evaluate.protocols import protocol_named

BASELINES = {
    "Set5": (28.627, 30.403),
    "Set14": (25.755, 27.631),
    "B100": (26.287, 27.626),
    "Urban100": (23.438, 24.873),
}
"""PSNR of bicubic ×3 as MATLAB's imresize gives it (B100 and Urban100: every fifth image): RGB without shave, and Y
with a shave of 3."""


@pytest.mark.parametrize("name", BASELINES)
def test_the_bicubic_baseline_is_matlabs(name: str, shared: Path) -> None:
    protocols = [protocol_named(one) for one in ("rgb", "y-shave3")]
    values = []
    for path in list_images(shared / "eval" / name):
        hr = crop_to_multiple(read_image(path), 3)
        again = upscale(downscale(hr, 3), 3)
        values.append([psnr(one.samples(again, 3), one.samples(hr, 3)) for one in protocols])
    assert np.mean(values, axis=0) == pytest.approx(BASELINES[name], abs=0.0006)  # they are given to 0.001


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_flat_image_stays_flat(factor: int) -> None:
    flat = np.full((12 * factor, 5 * factor, 3), 137, np.uint8)
    assert (downscale(flat, factor) == 137).all()
    assert (upscale(flat, factor) == 137).all()


def test_a_size_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(InputError, match="10×9 pixels is not a multiple of 3"):
        downscale(np.zeros((10, 9, 3), np.uint8), 3)


def test_rows_and_columns_are_treated_alike_on_a_symmetric_image() -> None:
    ramp = np.add.outer(np.arange(30), np.arange(30)).astype(np.uint8)
    image = np.repeat(ramp[:, :, None], 3, axis=2)
    small = downscale(image, 3)
    assert (small == small.transpose(1, 0, 2)).all()
