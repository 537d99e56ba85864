"""What held-out images say of a module in training."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from sr2tflite.commands.held_out import HeldOut
from sr2tflite.commands.train import train
from sr2tflite.data.bicubic import upscale
from sr2tflite.data.cache import ImageCache, open_cache
from sr2tflite.data.images import read_image, write_image
from sr2tflite.evaluate.metrics import psnr
from sr2tflite.evaluate.protocols import PROTOCOLS
from sr2tflite.train.settings import TrainSettings


class Nearest(nn.Module):
    """Repeats pixels, and a little more in white."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.tensor(0.02))

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(3, 2).repeat_interleave(3, 3) + self.offset


class Blocks(nn.Module):
    """The image itself, if its sides are multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return pixel_shuffle(pixel_unshuffle(x, 4), 4) + self.nothing


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed, (height, width) in enumerate(((60, 75), (360, 330))):
        low = np.random.default_rng(seed).integers(0, 256, (height // 15, width // 15, 3), np.uint8)
        write_image(tmp_path / "photos" / f"{seed}.png", low.repeat(15, 0).repeat(15, 1))
    return tmp_path / "photos"


@pytest.fixture
def cache(photos: Path) -> ImageCache:
    return open_cache([photos], 3)


def nearest(lr: np.ndarray) -> np.ndarray:
    plain = lr.repeat(3, 0).repeat(3, 1).astype(np.float32)
    return np.clip(np.rint(plain + np.float32(0.02 * 255)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_psnr_is_evaluates_own_under_each_protocol(protocol: str, cache: ImageCache) -> None:
    with torch.no_grad():
        found = HeldOut(cache, 1, protocol).psnr(Nearest())
    samples = PROTOCOLS[protocol].samples
    each = [psnr(samples(nearest(cache.lr(i)), 3), samples(cache.hr(i), 3)) for i in range(2)]
    assert found == pytest.approx(np.mean(each), rel=1e-12)


def test_images_of_other_sides_are_extended_for_the_module_alone(photos: Path) -> None:
    images = open_cache([photos], 1)
    assert [size % 4 for entry in images.entries for size in (entry.height, entry.width)] == [0, 3, 0, 2]
    held_out = HeldOut(images, 255, "rgb", 4)
    with torch.no_grad():
        assert held_out.psnr(Blocks()) == np.inf
        strip = held_out.sample(Blocks())
    assert strip.shape == (60, 3 * 75, 3)
    assert held_out.first_patch().shape == (1, 3, 60, 76)


def test_a_sample_shows_bicubic_output_and_truth_of_the_middle(cache: ImageCache) -> None:
    first = cache.lr(0)
    top, left = (max(size - 96, 0) // 2 for size in first.shape[:2])
    lr = first[top : top + 96, left : left + 96]
    with torch.no_grad():
        strip = HeldOut(cache, 1).sample(Nearest())
    parts = np.split(strip, 3, axis=1)
    hr = cache.hr(0)[3 * top : 3 * top + 3 * lr.shape[0], 3 * left : 3 * left + 3 * lr.shape[1]]
    for part, expected in zip(parts, (upscale(lr, 3), nearest(lr), hr), strict=True):
        assert np.array_equal(part, expected)


def test_training_judges_by_its_protocol_and_shows_samples(photos: Path, tmp_path: Path) -> None:
    found = {}
    for protocol in ("rgb", "y-shave3"):
        out = tmp_path / f"{protocol}.safetensors"
        settings = TrainSettings(steps=2, batch=2, patch=8, held_out=1, validate_every=1, protocol=protocol)
        found[protocol] = train("plain", [photos], out, settings).fitted.best_psnr
        samples = sorted((out.with_suffix(".train") / "samples").iterdir())
        assert [path.name for path in samples] == [f"{step:08d}.png" for step in range(3)]
        shape = read_image(samples[0]).shape
        assert shape[1] % 9 == shape[0] % 3 == 0
    assert found["rgb"] != found["y-shave3"]
