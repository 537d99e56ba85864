"""What files and devices are called in a result."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from sr2tflite.bench.result import BenchResult

_SHORT = 6
"""Digits of a serial number's hash that tell two phones of one name apart."""


def distinct(paths: Sequence[Path]) -> list[str]:
    """The files' names; where two are alike their paths, and a number where one file is given twice.

    Example:
        >>> distinct([Path("a/m.tflite"), Path("b/m.tflite"), Path("n.tflite"), Path("n.tflite")])
        ['a/m.tflite', 'b/m.tflite', 'n.tflite', 'n.tflite (2)']
    """
    files = {path.name: {str(other) for other in paths if other.name == path.name} for path in paths}
    names = [path.name if len(files[path.name]) == 1 else str(path) for path in paths]
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return numbered


def ranges(numbers: Collection[int]) -> str:
    """Some processors, as ``--cpus`` takes them.

    Example:
        >>> ranges({7, 4, 5, 6, 0})
        '0,4-7'
    """
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)


def short_hash(serial_hash: str) -> str:
    """The beginning of a serial number's hash: ``#98fdd4``."""
    return f"#{serial_hash[:_SHORT]}"


def device_names(results: Sequence[BenchResult]) -> list[str]:
    """What each result's device is called; where two are alike, with the beginning of their serial numbers' hashes."""
    hashes = {
        one.device.name: {other.device.serial_hash for other in results if other.device.name == one.device.name}
        for one in results
    }
    return [
        one.device.name
        if len(hashes[one.device.name]) == 1
        else f"{one.device.name} {short_hash(str(one.device.serial_hash))}"
        for one in results
    ]
