"""Which image becomes which file, before any is made: nothing replaces what it is made of, nor another one."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sr2tflite.data.images import SUFFIXES, WRITTEN, list_images
from sr2tflite.errors import InputError
from sr2tflite.files import keep_apart


def is_image(target: Path) -> bool:
    """Whether results go into one file."""
    return target.suffix.lower() in WRITTEN and not target.is_dir()


def plan(sources: Sequence[Path], target: Path) -> list[tuple[Path, Path]]:
    """Every image with the file it becomes.

    Args:
        sources: Images, and folders of them; what lies in the folder of the results is none.
        target: A file for one image, else a folder, where ``a.jpg`` becomes ``a.png``.

    Raises:
        InputError: There is no image, a result would replace what it is made of or another one, or images have no
            place in one file.
    """
    for folder in sources:
        if folder.is_dir():
            keep_apart(folder, target)
    results = target.resolve()
    found = [
        (path, _below(path, folder))
        for folder in sources
        for path in list_images(folder)
        if path == folder or results not in path.resolve().parents
    ]
    if not found:
        raise InputError("holds no image beside the results", where=str(sources[0]), hint="give other images")
    if target.suffix.lower() in SUFFIXES and not target.is_dir() and not is_image(target):
        raise InputError(f"cannot write {target.suffix} files", where=str(target), hint=f"one of: {', '.join(WRITTEN)}")
    if is_image(target):
        if len(found) != 1:
            raise InputError(
                f"is one file for {len(found)} images; expected a folder", where=str(target), hint="name a folder"
            )
        pairs = [(found[0][0], target)]
    else:
        wanted = Counter(inside.with_suffix(".png") for _, inside in found)
        pairs = [(path, target / _named(inside, wanted)) for path, inside in found]
    _refuse_collisions(pairs)
    return pairs


def _below(path: Path, folder: Path) -> Path:
    return Path(path.name) if path == folder else path.relative_to(folder)


def _named(inside: Path, wanted: Counter[Path]) -> Path:
    """``a.jpg`` becomes ``a.png``; where ``a.bmp`` is there too, ``a.jpg.png``."""
    name = inside.with_suffix(".png")
    return name if wanted[name] == 1 else inside.with_name(f"{inside.name}.png")


def _refuse_collisions(pairs: list[tuple[Path, Path]]) -> None:
    taken = {source.resolve(): source for source, _ in pairs}
    targets: set[Path] = set()
    for source, place in pairs:
        resolved = place.resolve()
        if resolved in taken:
            raise InputError("is input and output", where=str(taken[resolved]), hint="give another folder for results")
        if resolved in targets:
            raise InputError(f"two images become {place}", where=str(source), hint="upscale one folder at a time")
        targets.add(resolved)
