from pathlib import Path

import numpy as np
import pytest
import torch

from sr2tflite.data.bicubic import downscale
from sr2tflite.data.cache import open_cache
from sr2tflite.data.images import write_image
from sr2tflite.data.patches import Patches, augmented
from sr2tflite.errors import InputError

RNG = np.random.default_rng(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, shape in enumerate([(60, 62, 3), (48, 75, 3), (31, 90, 3)]):
        write_image(tmp_path / "hr" / f"{index}.png", RNG.integers(0, 256, shape, dtype=np.uint8))
    return tmp_path / "hr"


def test_a_bad_file_is_named_and_left_out(folder: Path) -> None:
    (folder / "zzz.png").write_bytes(b"broken")
    cache = open_cache([folder], 3)
    assert len(cache) == 3
    assert len(cache.skipped) == 1
    assert "zzz.png: does not decode" in cache.skipped[0]


def test_a_folder_without_one_good_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(InputError, match="no image could be used"):
        open_cache([tmp_path], 3)


def test_the_cache_holds_hr_and_its_bicubic_lr(folder: Path) -> None:
    cache = open_cache([folder], 3)
    for index in range(len(cache)):
        hr = np.array(cache.hr(index))
        assert hr.shape[0] % 3 == 0
        assert (downscale(hr, 3) == cache.lr(index)).all()


def test_the_cache_follows_the_contents_of_the_files(folder: Path) -> None:
    before = open_cache([folder], 3)
    write_image(folder / "0.png", np.zeros((60, 60, 3), np.uint8))
    after = open_cache([folder], 3)
    assert before.path != after.path
    assert not np.array(after.hr(0)).any()


def test_held_out_images_are_not_trained_on(folder: Path) -> None:
    kept, held_out = open_cache([folder], 3).split(1)
    assert (len(kept), len(held_out)) == (2, 1)
    assert {entry.sha256 for entry in kept.entries}.isdisjoint(entry.sha256 for entry in held_out.entries)


def test_the_batch_of_a_step_is_a_function_of_seed_and_step(folder: Path) -> None:
    cache = open_cache([folder], 3)
    one, same, other = (Patches(cache, patch=9, batch=4, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one(5).hr, same(5).hr)
    assert not torch.equal(one(5).hr, one(6).hr)
    assert not torch.equal(one(5).hr, other(5).hr)


def test_a_patch_is_the_bicubic_of_its_hr_patch_away_from_the_border(folder: Path) -> None:
    patches = Patches(open_cache([folder], 3), patch=10, batch=8, seed=3)
    batch = patches(0)
    for lr, hr in zip(batch.lr, batch.hr, strict=True):
        again = downscale(hr.permute(1, 2, 0).numpy().astype(np.uint8), 3)
        # the crop cuts the kernel's support (2 LR pixels) off at its border only; a patch that was turned had its
        # columns shrunk first, and the rounding between the passes then moves a value by one
        difference = again[3:-3, 3:-3].astype(int) - lr.permute(1, 2, 0).numpy()[3:-3, 3:-3]
        assert np.abs(difference).max() <= 1


def test_images_smaller_than_a_patch_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="no training image is 192×192"):
        Patches(open_cache([folder], 3), patch=64, batch=1, seed=0)


def test_images_that_are_never_drawn_are_told(folder: Path) -> None:
    told = []
    patches = Patches(
        open_cache([folder], 3), patch=14, batch=1, seed=0, progress=lambda *words: told.append((words[0], words[3]))
    )
    assert told == [("left out", "1 of 3 images, smaller than a patch of 42×42")]
    assert {place.index for place in patches.places(50)} == {0, 1}


@pytest.mark.parametrize("turn", range(8))
def test_a_patch_is_seen_in_all_eight_ways(turn: int) -> None:
    image = RNG.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    turned = np.rot90(image, turn % 4)
    assert (augmented(image, turn) == (turned[:, ::-1] if turn >= 4 else turned)).all()
