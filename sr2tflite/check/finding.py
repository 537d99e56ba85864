"""What a rule found: where, what stands there, what was expected, and what to do about it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Severity = Literal["error", "warning", "note"]
"""error: what was promised does not hold. warning: it works here and may not elsewhere. note: good to know."""


def counted(number: int, name: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number:,} {name}{'s' * (number != 1)}"


@dataclass(frozen=True)
class Place:
    """Where in the artifact; all None for the artifact as a whole."""

    op: int | None = None
    """Index of the op in the file."""

    kind: str | None = None
    """Of the op: TFLite's name."""

    tensor: str | None = None
    """In the file."""

    yours: str | None = None
    """The same tensor's name in the network that the file was made from, where it is another one."""

    file: str | None = None
    """Of a package, the file that it is in."""

    def __str__(self) -> str:
        place = self._in_file()
        return place if self.file is None else self.file if place == "the file" else f"{self.file}: {place}"

    def _in_file(self) -> str:
        op = "" if self.op is None else f"op {self.op} {self.kind}"
        name = self.tensor or ""
        if self.yours is not None and self.yours != self.tensor:
            name = f"{name} (yours: {self.yours})".strip()
        return " ".join(part for part in (op, name) if part) or "the file"


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """Two renderings of one tensor on one image, and how far they are apart."""

    place: Place
    image: str
    """Its name."""

    pixels: NDArray[np.uint8]
    """Of the image, height × width × channels."""

    difference: NDArray[Any]
    """Height × width: the largest distance over the channels, in codes; in values where the tensor is float."""

    differ: int
    """Values that differ."""

    values: int

    @property
    def largest(self) -> float:
        return float(self.difference.max())

    def line(self) -> str:
        """The difference in half a line."""
        share = 100 * self.differ / self.values
        return f"{self.differ:,} of {self.values:,} values differ ({share:.3g} %), by at most {self.largest:g}"


@dataclass(frozen=True)
class Finding:
    """One thing a rule has to say."""

    severity: Severity
    where: Place
    found: str
    expected: str | None = None
    source: str | None = None
    """Who says that it should be so; a document that can be looked up."""

    hint: str | None = None
    """What to do: a command to type, or a rewrite."""

    rewrite: str | None = None
    """Name of the rewrite that does away with it: ``check --fix`` tries it."""

    error_map: ErrorMap | None = None
    error_map_file: Path | None = None
    """Where the map was drawn, once it was."""

    def to_json(self) -> dict[str, Any]:
        """Plain data; the map is named by its file."""
        place = {name: value for name, value in vars(self.where).items() if value is not None}
        return {
            "severity": self.severity,
            "where": place,
            "found": self.found,
            "expected": self.expected,
            "source": self.source,
            "hint": self.hint,
            "rewrite": self.rewrite,
            "error_map": None if self.error_map_file is None else str(self.error_map_file),
        }


def error_map(
    found: NDArray[Any], expected: NDArray[Any], place: Place, image: str, pixels: NDArray[np.uint8]
) -> ErrorMap | None:
    """How far two renderings of a tensor are apart, or None where no byte differs.

    Args:
        found: Codes or values, 1 × height × width × channels as a rule; of another rank, all but the last two axes
            are one.
        expected: Of the same shape.
        place: The tensor.
        image: Name of the image.
        pixels: The image.
    """
    differs = found != expected
    if not differs.any():
        return None
    distance = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    shape = (1,) * (4 - distance.ndim) + distance.shape
    rows = distance.reshape(shape[0], -1, *shape[-2:])[0]
    return ErrorMap(place, image, pixels, rows.max(axis=-1), int(differs.sum()), differs.size)
