"""What is done to images that a network is to restore: the same to the same image, and named wherever figures are."""

from pathlib import Path

import numpy as np
import pytest

from sr2tflite.data.borders import extended
from sr2tflite.data.cache import open_cache
from sr2tflite.data.degradation import Degradation, degradation, marked, parted
from sr2tflite.data.images import write_image
from sr2tflite.data.pairs import absolute, files_of, find_pairs
from sr2tflite.errors import InputError
from sr2tflite.evaluate.image_set import image_set

GREY = np.full((200, 200, 3), 128, np.uint8)
PICTURE = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8).repeat(4, 0).repeat(4, 1)


def test_noise_has_its_deviation_and_no_bias() -> None:
    noise = degradation("noise25")(GREY).astype(float) - 128
    # 120,000 draws: three standard errors of a mean are 0.22, of a deviation 0.15
    assert abs(noise.mean()) < 0.22
    assert noise.std() == pytest.approx(25, abs=0.16)  # and 1/12 of variance from rounding


@pytest.mark.parametrize("text", ["noise25", "blur1.6", "jpeg40"])
def test_the_same_image_is_degraded_the_same_way(text: str) -> None:
    how = degradation(text)
    assert str(how) == text
    first, again = how(PICTURE), how(PICTURE.copy())
    assert first.shape == PICTURE.shape
    assert (first == again).all()
    assert (first != PICTURE).any()


def test_two_images_have_noise_of_their_own() -> None:
    how, other = degradation("noise25"), GREY.copy()
    other[0, 0] = 0
    assert (how(GREY)[1:] != how(other)[1:]).mean() > 0.9


def test_no_noise_leaves_the_image() -> None:
    assert (degradation("noise0")(PICTURE) == PICTURE).all()


def test_a_blurred_image_keeps_its_mean_and_loses_its_edges() -> None:
    blurred = degradation("blur1.6")(PICTURE).astype(float)
    assert blurred.std() < 0.9 * PICTURE.std()
    assert (degradation("blur1.6")(GREY) == GREY).all()


@pytest.mark.parametrize("text", ["noise", "noise256", "blur0", "jpeg0", "jpeg101", "jpeg4.5", "rain3", "noise-3"])
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"is no degradation|expected"):
        degradation(text)


def test_an_entry_says_how_its_low_resolution_images_are_degraded(tmp_path: Path) -> None:
    write_image(tmp_path / "set" / "a.png", PICTURE)
    entry = Path(f"{tmp_path / 'set'}@jpeg40")
    found = find_pairs(entry, 1, "train")
    assert found.name == "set@jpeg40"
    assert files_of(entry, "train") == [tmp_path / "set" / "a.png"]
    assert absolute(Path("set@jpeg40"), tmp_path) == entry
    lr, hr = found.pairs[0].load(1)
    assert (hr == PICTURE).all()
    assert (lr == degradation("jpeg40")(PICTURE)).all()
    lr, _ = find_pairs(entry, 2, "train").pairs[0].load(2)
    small, _ = find_pairs(tmp_path / "set", 2, "train").pairs[0].load(2)
    assert (lr == degradation("jpeg40")(small)).all()


def test_a_path_that_is_there_is_no_degradation(tmp_path: Path) -> None:
    folder = tmp_path / "set@noise25"
    folder.mkdir()
    assert parted(folder) == (folder, None)
    assert parted(tmp_path / "me@home") == (tmp_path / "me@home", None)


def test_an_entry_that_says_it_itself_stays() -> None:
    how = Degradation("noise", 25.0)
    assert marked(Path("a"), how) == Path("a@noise25")
    assert marked(Path("a@blur2"), how) == Path("a@blur2")


def test_decoded_images_and_figures_of_other_degradations_are_others(tmp_path: Path) -> None:
    for name in "ab":
        write_image(tmp_path / "set" / f"{name}.png", PICTURE[:, :: 1 if name == "a" else -1])
    entries = [Path(f"{tmp_path / 'set'}{end}") for end in ("", "@noise25", "@noise15")]
    caches = [open_cache([entry], 1) for entry in entries]
    assert len({cache.path for cache in caches}) == 3
    assert (caches[0].lr(0) == caches[0].hr(0)).all()
    assert (caches[1].lr(0) == degradation("noise25")(caches[1].hr(0))).all()
    assert len({image_set([entry], 1).sha256 for entry in entries}) == 3
    assert image_set(entries[1:2], 1).pairs[0].name == "set@noise25/a"


def test_a_side_grows_to_a_multiple_by_its_last_row() -> None:
    grown = extended(PICTURE[:46, :61], 4)
    assert grown.shape == (48, 64, 3)
    assert (grown[:46, :61] == PICTURE[:46, :61]).all()
    assert (grown[46:, :61] == PICTURE[45, :61]).all()
    assert (grown[:, 61:] == grown[:, 60:61]).all()
    assert extended(PICTURE, 4) is PICTURE
