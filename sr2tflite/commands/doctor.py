"""``sr2tflite doctor``: what is on this computer and by its phones, and where to get what is not there."""

from collections.abc import Sequence
from pathlib import Path

from sr2tflite.bench.phone.adb import Adb, Listed, find_adb, usable
from sr2tflite.bench.phone.calls import Calls
from sr2tflite.bench.phone.tool_cache import SOURCES, binary_for, tool_folder
from sr2tflite.commands.installed import extras, packages
from sr2tflite.commands.item import Item
from sr2tflite.commands.machine import machine
from sr2tflite.errors import Sr2TfliteError

DEMO = Path("recipes/x3_demo.yaml")


def doctor(adb: Path | None = None) -> tuple[Item, ...]:
    """Look for all that the verbs need: packages, extras, a runtime, places, and for phones adb and what times there.

    Args:
        adb: The program; None looks for it.
    """
    return (*machine(), *packages(), *extras(), *phones(adb))


def phones(adb: Path | None = None) -> tuple[Item, ...]:
    """An adb program, phones, and a ``benchmark_model`` for each ABI."""
    return (*_adb(adb), *(_binary(abi) for abi in _abis()))


def following(items: Sequence[Item]) -> str:
    """What to type next: what every verb needs, where it is not there; else the first thing to try."""
    for item in items:
        if item.kind in ("machine", "package") and not item.is_there and item.hint:
            return item.hint
    return f"sr2tflite run {DEMO}" if DEMO.is_file() else "sr2tflite fuse anchor_rep -o deploy.onnx"


def _adb(given: Path | None) -> tuple[Item, ...]:
    try:
        client = Adb(find_adb(given), Calls())
        found = Item("adb", True, f"{client.binary}, version {client.version()}")
    except Sr2TfliteError as error:
        return (_missing("adb", error),)
    try:
        phones = client.devices()
    except Sr2TfliteError as error:
        return (found, _missing("phones", error))
    return (found, _phones(phones))


def _phones(seen: Sequence[Listed]) -> Item:
    """Those that adb sees; only one that it can use is one that is there."""
    told = ", ".join(f"{one.serial} ({one.state})" for one in seen)
    if not seen:
        hint = "plug a phone in, switch on USB debugging, accept this computer (docs/device.md)"
        return Item("phones", False, "none", hint)
    try:
        usable(min(seen, key=lambda one: one.state != "device"))
    except Sr2TfliteError as error:
        return Item("phones", False, told, error.hint)
    return Item("phones", True, told)


def _abis() -> list[str]:
    """Those that something is published or kept for."""
    folder = tool_folder()
    kept = {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
    return sorted({*SOURCES, *kept})


def _binary(abi: str) -> Item:
    name = f"benchmark_model for {abi}"
    try:
        found = binary_for((abi,), None, abi)
    except Sr2TfliteError as error:
        return _missing(name, error)
    return Item(name, True, f"{found.path}, sha256 {found.sha256}")


def _missing(name: str, error: Sr2TfliteError) -> Item:
    return Item(name, False, error.message, error.hint)
