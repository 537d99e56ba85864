"""What a graph knows that file formats have no place for, as the JSON text that our files carry along."""

import json
import math
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sr2tflite.errors import InputError

T = TypeVar("T")

KEY = "sr2tflite"
"""The metadata entry that holds the notes, in both file formats."""


@dataclass(frozen=True)
class Notes:
    """Value range and free text, and what a codec alone could not tell apart."""

    value_range: tuple[float, float] = (0.0, 255.0)
    metadata: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    """Output tensor → op kind, where two kinds are spelled alike."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Constant → its shape in the graph, where the format's differs."""

    single_channel: dict[str, int] = field(default_factory=dict)
    """Tensor → channel axis, where one scale is a per-channel one."""

    dtypes: dict[str, str] = field(default_factory=dict)
    """Constant → its type, where the format has it in another: int4 in int8, int64 in int32."""

    def to_json(self) -> str:
        """Text that is the same for equal notes; empty parts are left out."""
        parts = {name: value for name, value in vars(self).items() if value}
        return json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str | bytes, where: str) -> Notes:
    """Notes from a file's metadata entry.

    Raises:
        InputError: The text is not what ``Notes.to_json`` writes.
    """
    try:
        parts = json.loads(text)
        notes = Notes(
            _value_range(parts.get("value_range", (0.0, 255.0))),
            _mapping(parts, "metadata", str),
            _mapping(parts, "kinds", str),
            {str(name): tuple(int(size) for size in shape) for name, shape in parts.get("shapes", {}).items()},
            _mapping(parts, "single_channel", int),
            _mapping(parts, "dtypes", str),
        )
        notes.to_json().encode()  # refuses halves of surrogate pairs
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"metadata entry {KEY!r} is damaged", where=where, hint="make the file again") from error
    return notes


def _value_range(ends: Any) -> tuple[float, float]:
    low, high = (float(end) for end in ends)
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"value range {low}…{high}")
    return low, high


def _mapping(parts: dict[str, Any], part: str, kind: type[T]) -> dict[str, T]:
    mapping = parts.get(part, {})
    if not all(isinstance(value, kind) for value in mapping.values()):
        raise TypeError(f"{part} holds something that is not {kind.__name__}")
    return dict(mapping)
