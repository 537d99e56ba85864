"""Which images an entry names, and which HR and LR images belong together."""

from pathlib import Path

import numpy as np
import pytest

from sr2tflite.data.bicubic import downscale
from sr2tflite.data.images import read_image, write_image
from sr2tflite.data.pairs import OtherScaleError, Part, absolute, files_of, find_pairs, whole_ratio
from sr2tflite.errors import InputError

RNG = np.random.default_rng(2)


def _place(path: Path, height: int = 30, width: int = 36) -> Path:
    write_image(path, RNG.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return path


LAYOUTS = {
    "DIV2K": ("DIV2K_train_HR/{}.png", "DIV2K_train_LR_bicubic/X3/{}x3.png"),
    "Flickr2K": ("Flickr2K_HR/{}.png", "Flickr2K_LR_bicubic/X3/{}x3.png"),
    "EDSR's test sets": ("HR/{}.png", "LR_bicubic/X3/{}x3.png"),
    "HR and LR": ("HR/{}.png", "LR/{}.png"),
    "HR and LR of several scales": ("HR/{}.png", "LR/x3/{}.png"),
    "other formats": ("HR/{}.png", "LR/{}x3.webp"),
    "folders below": ("HR/{0}/{0}.png", "LR/X3/{0}/{0}x3.png"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_gives_the_pairs_sorted_by_name(layout: str, tmp_path: Path) -> None:
    hr, lr = LAYOUTS[layout]
    expected = [(_place(tmp_path / hr.format(name)), _place(tmp_path / lr.format(name), 10, 12)) for name in "ab"]
    if lr.split("/")[1] in ("X3", "x3"):
        _place(tmp_path / lr.format("a").replace("3", "2"), 15, 18)
    found = find_pairs(tmp_path, 3, "train")
    assert [(pair.hr, pair.lr) for pair in found.pairs] == expected
    assert (found.name, found.alone) == (tmp_path.name, ())


def test_two_folders_are_named_with_a_colon_between(tmp_path: Path) -> None:
    hr, lr = _place(tmp_path / "GTmod12" / "a.png"), _place(tmp_path / "LRbicx3" / "a.png", 10, 12)
    entry = Path(f"{hr.parent}:{lr.parent}")
    found = find_pairs(entry, 3, "valid")
    assert [(pair.hr, pair.lr) for pair in found.pairs] == [(hr, lr)]
    assert found.name == "GTmod12"
    assert files_of(entry, "valid") == [hr, lr]
    assert absolute(Path("GTmod12:LRbicx3"), tmp_path) == entry
    hr.parent.rename(tmp_path / "HR")
    assert find_pairs(Path(f"{tmp_path / 'HR'}:{lr.parent}"), 3, "valid").name == tmp_path.name


@pytest.mark.parametrize(("part", "expected"), [("train", "DIV2K_train_HR"), ("valid", "DIV2K_valid_HR")])
def test_of_several_sets_the_one_that_is_named_like_the_task_is_taken(
    part: Part, expected: str, tmp_path: Path
) -> None:
    for name in ("train", "valid"):
        _place(tmp_path / f"DIV2K_{name}_HR" / "1.png")
        _place(tmp_path / f"DIV2K_{name}_LR_bicubic" / "X3" / "1x3.png", 10, 12)
    (pair,) = find_pairs(tmp_path, 3, part).pairs
    assert pair.hr.parent.name == expected
    assert pair.lr is not None
    assert pair.lr.parents[1].name == expected.replace("HR", "LR_bicubic")


def test_sets_that_no_name_tells_apart_are_refused(tmp_path: Path) -> None:
    for name in ("A_HR", "B_HR"):
        _place(tmp_path / name / "1.png")
    with pytest.raises(InputError, match=r"several sets: A_HR, B_HR") as caught:
        find_pairs(tmp_path, 3, "train")
    assert "A_HR:" in str(caught.value.hint)


def test_without_an_lr_folder_bicubic_makes_lr(tmp_path: Path) -> None:
    _place(tmp_path / "DIV2K_train_HR" / "1.png")
    _place(tmp_path / "DIV2K_train_LR_unknown" / "X3" / "1x3.png", 10, 12)
    (pair,) = find_pairs(tmp_path, 3, "train").pairs
    lr, hr = pair.load(3)
    assert pair.lr is None
    assert (lr == downscale(hr, 3)).all()


def test_a_folder_without_the_scale_names_those_it_has(tmp_path: Path) -> None:
    _place(tmp_path / "DIV2K_train_HR" / "1.png")
    for scale in (2, 4):
        _place(tmp_path / "DIV2K_train_LR_bicubic" / f"X{scale}" / f"1x{scale}.png")
    with pytest.raises(InputError, match=r"DIV2K_train_LR_bicubic: holds X2, X4; expected X3"):
        find_pairs(tmp_path, 3, "train")


def test_files_without_a_partner_are_told(tmp_path: Path) -> None:
    lonely = [_place(tmp_path / "HR" / "b.png"), _place(tmp_path / "LR" / "c.png")]
    for path in ("HR/a.png", "LR/a.png"):
        _place(tmp_path / path)
    found = find_pairs(tmp_path, 3, "train")
    assert (len(found.pairs), list(found.alone)) == (1, lonely)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for path in ("HR/a.png", "HR/a.bmp", "LR/a.png"):
        _place(tmp_path / path)
    with pytest.raises(InputError, match=r"a\.png and a\.bmp have one stem"):
        find_pairs(tmp_path, 3, "train")


def test_a_given_lr_image_is_used_as_it_is_and_hr_cropped_to_it(tmp_path: Path) -> None:
    _place(tmp_path / "HR" / "a.png", 32, 37)
    _place(tmp_path / "LR" / "a.png", 10, 12)
    (pair,) = find_pairs(tmp_path, 3, "train").pairs
    lr, hr = pair.load(3)
    assert (lr.shape, hr.shape) == ((10, 12, 3), (30, 36, 3))
    assert not (lr == downscale(hr, 3)).all()


def test_an_lr_image_made_of_all_of_hr_is_cropped_with_it(tmp_path: Path) -> None:
    given = read_image(_place(tmp_path / "LR" / "a.png", 11, 13))
    _place(tmp_path / "HR" / "a.png", 31, 37)
    (pair,) = find_pairs(tmp_path, 3, "train").pairs
    lr, hr = pair.load(3)
    assert hr.shape == (30, 36, 3)
    assert (lr == given[:10, :12]).all()


@pytest.mark.parametrize(("height", "width", "found"), [(15, 18, 2), (7, 9, 4), (8, 9, 4), (30, 36, 1)])
def test_an_lr_image_of_another_scale_is_refused_with_its_scale(
    height: int, width: int, found: int, tmp_path: Path
) -> None:
    _place(tmp_path / "HR" / "a.png", 30, 36)
    _place(tmp_path / "LR" / "a.png", height, width)
    (pair,) = find_pairs(tmp_path, 3, "train").pairs
    with pytest.raises(OtherScaleError, match=rf"made for ×{found}; expected 10×12 at scale 3") as caught:
        pair.load(3)
    assert caught.value.where == str(tmp_path / "LR" / "a.png")


def test_sizes_that_no_scale_explains_have_no_ratio() -> None:
    assert whole_ratio((10, 13), (30, 36)) is None
    assert whole_ratio((10, 12), (31, 38)) == 3
