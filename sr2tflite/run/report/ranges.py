"""The range of every activation's grid on one axis."""

from dataclasses import dataclass

from sr2tflite.numerics.qparams import LIMITS
from sr2tflite.run.report.drawing import Drawing, Grid


@dataclass(frozen=True)
class Range:
    """From the first code's value to the last one's."""

    name: str
    low: str
    high: str
    left: float
    """Percent of the axis."""

    width: float


@dataclass(frozen=True)
class Ranges:
    """All of them."""

    rows: tuple[Range, ...]
    zero: float
    """Where 0 is, percent of the axis."""


def ranges(drawing: Drawing) -> Ranges | None:
    """Of every activation that has a grid; None where none has."""
    grids = [*drawing.inputs, *(grid for op in drawing.ops for grid in op.writes)]
    ends = [(grid.name, *_ends(grid)) for grid in grids if grid.scale is not None and grid.dtype in LIMITS]
    if not ends:
        return None
    least = min(0.0, *(low for _, low, _ in ends))
    span = max(0.0, *(high for _, _, high in ends)) - least or 1.0
    rows = tuple(
        Range(name, _short(low), _short(high), 100 * (low - least) / span, 100 * (high - low) / span)
        for name, low, high in ends
    )
    return Ranges(rows, -100 * least / span)


def _ends(grid: Grid) -> tuple[float, float]:
    first, last = LIMITS[grid.dtype]
    assert grid.scale is not None
    zero = grid.zero_point or 0
    return grid.scale * (first - zero), grid.scale * (last - zero)


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
