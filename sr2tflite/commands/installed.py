"""What of Python's packages is installed, as far as this program asks for it; nothing is imported."""

import re
from importlib.metadata import PackageNotFoundError, requires, version

from sr2tflite.commands.item import Item

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")
_BOUND = re.compile(r"(==|>=)\s*([\d.]+)")

EXTRAS = {
    "onnx2tf": "the second export backend, which every export is cross-checked with",
    "spandrel": "teachers of forty more architectures",
    "android": "an adb program for phones",
    "openvino": "which ops Intel's NPU compiler takes, in check",
    "tensorboard": "training curves in TensorBoard",
}
"""Extra → what it brings; the one for developing is not among them."""


def packages() -> tuple[Item, ...]:
    """Every package that is needed, with its version."""
    return tuple(_item(*one) for one in _wanted(None))


def extras() -> tuple[Item, ...]:
    """Every extra: complete, or what to type for it."""
    found = []
    for extra, use in EXTRAS.items():
        items = [_item(*one) for one in _wanted(extra)]
        missing = [item.name for item in items if not item.is_there]
        told = f"{use}; {'without ' + ', '.join(missing) if missing else 'complete'}"
        hint = f"pip install 'sr2tflite[{extra}]'" if missing else None
        found.append(Item(f"extra {extra}", not missing, told, hint, "extra"))
    return tuple(found)


def _wanted(extra: str | None) -> list[tuple[str, str]]:
    """(name, what is asked of its version) of every package of an extra, or of the program itself."""
    try:
        lines = requires("sr2tflite") or []
    except PackageNotFoundError:  # run from its source, never installed
        return []
    found = []
    for line in lines:
        asked, _, marker = line.partition(";")
        of = _EXTRA.search(marker)
        name = _NAME.match(asked.strip())
        if name and (of.group(1) if of else None) == extra:
            found.append((name.group(), asked.strip()[name.end() :]))
    return found


def _item(name: str, asked: str) -> Item:
    try:
        found = version(name)
    except PackageNotFoundError:
        return Item(name, False, "is not installed", f"pip install '{name}{asked}'", "package")
    wrong = [f"{sign}{bound}" for sign, bound in _BOUND.findall(asked) if not _meets(found, sign, bound)]
    if wrong:
        return Item(name, False, f"is {found}; expected {wrong[0]}", f"pip install '{name}{asked}'", "package")
    return Item(name, True, found, None, "package")


def _meets(found: str, sign: str, bound: str) -> bool:
    have, want = _numbers(found), _numbers(bound)
    length = max(len(have), len(want))
    padded = [numbers + (0,) * (length - len(numbers)) for numbers in (have, want)]
    return padded[0] == padded[1] if sign == "==" else padded[0] >= padded[1]


def _numbers(text: str) -> tuple[int, ...]:
    """``2.13.0+cpu`` is 2, 13, 0."""
    release = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in release.group().split(".")) if release else ()
