"""What an entry of ``--data``, or of a recipe's data, names: HR images, alone or with the LR images given for them.

An entry is an HR image; a folder of them; a folder that holds ``HR/`` and ``LR/`` or ``LR_bicubic/``, or DIV2K's
``DIV2K_train_HR/`` and ``DIV2K_train_LR_bicubic/`` (any word before ``_HR`` will do), the LR images in ``X3/`` (×3) or
directly inside; or two folders, ``HR:LR``. Files belong together by name, the LR one with or without ``x3`` after it.
Any of them may end in ``@noise25``, ``@blur1.6`` or ``@jpeg40``: LR images are then degraded so.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from sr2tflite.data.bicubic import crop_to_multiple, downscale
from sr2tflite.data.degradation import MARK, Degradation, parted
from sr2tflite.data.images import Image, list_images, read_image
from sr2tflite.errors import InputError

Part = Literal["train", "valid"]
"""Which set is meant where a folder holds several, by the word in its name."""

BETWEEN = ":"
"""Between the HR and the LR folder of an entry."""

MADE = "LR is made by bicubic where the HR folder is given alone"


class OtherScaleError(InputError):
    """An LR image that was made for another scale: the folders are mixed up, which leaving it out would hide."""


@dataclass(frozen=True)
class Pair:
    """An HR image and its LR image; nothing is decoded until :meth:`load`."""

    hr: Path
    lr: Path | None
    """The given file, or None where bicubic makes it."""
    degradation: Degradation | None = None
    """What is done to the LR image."""

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.hr,) if self.lr is None else (self.hr, self.lr)

    def load(self, scale: int) -> tuple[Image, Image]:
        """(LR, HR): HR cropped to a multiple of the scale, and a given LR image to what is whole pixels of that.

        The LR image is degraded last.

        Raises:
            OtherScaleError: The LR image is another whole number of times smaller.
            InputError: A file does not decode, is too small, or the two sizes do not fit.
        """
        lr, hr = self._loaded(scale)
        return lr if self.degradation is None else self.degradation(lr), hr

    def _loaded(self, scale: int) -> tuple[Image, Image]:
        whole = read_image(self.hr)
        hr = crop_to_multiple(whole, scale, str(self.hr))
        if self.lr is None:
            return downscale(hr, scale), hr
        lr = read_image(self.lr)
        if not _fits(lr.shape, whole.shape, scale):
            raise self._unfit(lr.shape, whole.shape, scale)
        return np.ascontiguousarray(lr[: hr.shape[0] // scale, : hr.shape[1] // scale]), hr

    def _unfit(self, lr: tuple[int, ...], hr: tuple[int, ...], scale: int) -> InputError:
        found = f"is {lr[0]}×{lr[1]}, {self.hr} is {hr[0]}×{hr[1]}"
        expected = f"expected {hr[0] // scale}×{hr[1] // scale} at scale {scale}"
        ratio = whole_ratio(lr, hr)
        if ratio is None:
            hint = "make LR anew, or leave the LR folder out"
            return InputError(f"{found}; {expected}", where=str(self.lr), hint=hint)
        hint = f"give the LR images made for ×{scale}; {MADE}"
        return OtherScaleError(f"{found}: made for ×{ratio}; {expected}", where=str(self.lr), hint=hint)


def _fits(lr: tuple[int, ...], hr: tuple[int, ...], scale: int) -> bool:
    """Whether LR is HR over the scale, what is left over dropped, or made one pixel as MATLAB's imresize does."""
    return all(low in (high // scale, -(-high // scale)) for low, high in zip(lr[:2], hr[:2], strict=True))


def whole_ratio(lr: tuple[int, ...], hr: tuple[int, ...]) -> int | None:
    """The scale of two shapes; None where none from 1 to 16 explains them."""
    return next((ratio for ratio in range(1, 17) if _fits(lr, hr, ratio)), None)


@dataclass(frozen=True)
class Folders:
    """Where the images of an entry lie."""

    name: str
    """What the set is called."""

    hr: Path
    """A folder, or an image."""

    lr: Path | None = None
    """Of all scales or of one; None where bicubic makes LR."""

    degradation: Degradation | None = None
    """What is done to LR images."""


@dataclass(frozen=True)
class Found:
    """The images of an entry."""

    name: str
    pairs: tuple[Pair, ...]
    """Sorted by name."""
    alone: tuple[Path, ...] = ()
    """Files without a partner, where LR images are given."""


def folders_of(entry: Path, part: Part) -> Folders:
    """Where the images of an entry lie; LR images of every scale.

    Raises:
        InputError: It holds several sets, and more or fewer than one of them is called ``part``, it names one side of
            two, or no degradation is spelled as its is.
    """
    entry, how = parted(entry)
    folders = _folders_of(entry, part)
    return folders if how is None else replace(folders, name=f"{folders.name}{MARK}{how}", degradation=how)


def _folders_of(entry: Path, part: Part) -> Folders:
    if not entry.exists() and BETWEEN in str(entry):
        sides = str(entry).split(BETWEEN, 1)
        if not all(sides):
            raise InputError(
                f"names one folder beside {BETWEEN!r}; expected HR{BETWEEN}LR", where=str(entry), hint=MADE
            )
        hr, lr = map(Path, sides)
        return Folders(_name_of(hr.parent if hr.name == "HR" else hr), hr, lr)
    name = _name_of(entry)
    hr_folders = [one for one in _subfolders(entry) if one.name == "HR" or one.name.endswith("_HR")]
    if not hr_folders:
        return Folders(name, entry)
    hr_folder = _chosen(entry, hr_folders, part)
    before = hr_folder.name.removesuffix("HR")
    places = [entry / f"{before}{name}" for name in ("LR_bicubic", "LR")]
    return Folders(name, hr_folder, next((place for place in places if place.is_dir()), None))


def _name_of(path: Path) -> str:
    path = path.resolve()
    return path.parent.name if path.is_file() else path.name


def _subfolders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


def _chosen(entry: Path, hr_folders: list[Path], part: Part) -> Path:
    called = [one for one in hr_folders if part in one.name.lower().split("_")]
    meant = called if len(called) == 1 else hr_folders
    if len(meant) > 1:
        names = ", ".join(one.name for one in meant)
        hint = f"say which: {meant[0]}{BETWEEN}LR folder, or {meant[0]} alone, which makes LR by bicubic"
        raise InputError(f"holds several sets: {names}", where=str(entry), hint=hint)
    return meant[0]


def files_of(entry: Path, part: Part) -> list[Path]:
    """Every file an entry names, LR images of every scale among them.

    Raises:
        InputError: There is no such folder, or no image in it.
    """
    folders = folders_of(entry, part)
    return [path for folder in (folders.hr, folders.lr) if folder for path in list_images(folder)]


def find_pairs(entry: Path, scale: int, part: Part) -> Found:
    """The images of an entry at a scale.

    Raises:
        InputError: There is no such folder, no image in it, or no LR folder of this scale.
    """
    folders = folders_of(entry, part)
    how = folders.degradation
    if folders.lr is None:
        return Found(folders.name, tuple(Pair(path, None, how) for path in list_images(folders.hr)))
    lr_folder = _of_scale(folders.lr, scale)
    hr_files, lr_files = _by_name(folders.hr), _by_name(lr_folder)
    pairs, alone = [], []
    for name, hr in hr_files.items():
        lr = next((lr_files.pop(f"{name}{end}") for end in _ends(scale) if f"{name}{end}" in lr_files), None)
        if lr is None:
            alone.append(hr)
        else:
            pairs.append(Pair(hr, lr, how))
    return Found(folders.name, tuple(pairs), (*alone, *lr_files.values()))


def _ends(scale: int) -> tuple[str, ...]:
    return "", f"x{scale}", f"X{scale}"


def _of_scale(folder: Path, scale: int) -> Path:
    """The folder of one scale inside that of all scales; itself where it holds the images."""
    scales = {one.name.upper(): one for one in _subfolders(folder) if re.fullmatch(r"[Xx]\d+", one.name)}
    if scales and f"X{scale}" not in scales:
        names = ", ".join(one.name for one in scales.values())
        hint = f"give the LR images made for ×{scale}; {MADE}"
        raise InputError(f"holds {names}; expected X{scale}", where=str(folder), hint=hint)
    return scales.get(f"X{scale}", folder)


def _by_name(folder: Path) -> dict[str, Path]:
    """Files by their path inside a folder, without the suffix."""
    files: dict[str, Path] = {}
    for path in list_images(folder):
        name = path.stem if folder.is_file() else str(path.relative_to(folder).with_suffix(""))
        if name in files:
            raise InputError(f"{path.name} and {files[name].name} have one stem", where=str(folder), hint="remove one")
        files[name] = path
    return files


def absolute(entry: Path, base: Path) -> Path:
    """An entry that is relative to ``base``, made absolute, both folders of ``HR:LR``."""
    if not (base / entry).exists() and BETWEEN in str(entry):
        return Path(BETWEEN.join(str((base / one).resolve()) for one in str(entry).split(BETWEEN)))
    return (base / entry).resolve()
