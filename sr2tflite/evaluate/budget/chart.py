"""The budget as a picture: a bar for each tensor, and what is left when the most expensive are taken out together."""

import io
from math import isfinite
from typing import TYPE_CHECKING, Any

from sr2tflite.evaluate.budget.result import Budget, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 30
COLORS = {"activation": "#c44e52", "weights": "#4c72b0"}
_ROW_INCHES, _MARGIN_INCHES = 0.26, 1.5


def chart(budget: Budget) -> bytes:
    """The picture as PNG, at most ``MOST_ROWS`` rows high."""
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False}):  # a dollar is a name's own
        return _drawn(budget)


def _drawn(budget: Budget) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = budget.rows[:MOST_ROWS]
    figure = Figure(figsize=(11, _MARGIN_INCHES + _ROW_INCHES * len(rows)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    costs, together = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    _bars(costs, rows)
    _steps(together, budget, rows)
    costs.set_yticks(range(len(rows)), [f"{row.label}  " for row in rows], fontsize=8)
    costs.set_ylim(len(rows) - 0.4, -0.6)
    left_out = f", {len(budget.rows) - len(rows)} smaller ones not shown" if len(rows) < len(budget.rows) else ""
    images = "1 image" if len(budget.images) == 1 else f"{len(budget.images)} images"
    model = budget.model.encode(errors="backslashreplace").decode()  # a file's name need not be text
    figure.suptitle(f"{model}: what quantization costs ({images}{left_out})", fontsize=11)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": "sr2tflite"})
    return target.getvalue()


def _bars(axes: "Axes", rows: tuple[Row, ...]) -> None:
    values = [row.cost.against_float for row in rows]
    most = max((value for value in values if isfinite(value)), default=0.0) or 1.0
    drawn = [value if isfinite(value) else most for value in values]
    axes.barh(range(len(rows)), drawn, color=[COLORS[row.kind] for row in rows], height=0.7)
    for place, (value, width) in enumerate(zip(values, drawn, strict=True)):
        label = f" {round(value, 2) + 0.0:.2f}" if isfinite(value) else " ∞"
        axes.text(max(width, 0.0), place, label, va="center", fontsize=7)
    axes.set_xlim(min(0.0, *drawn) * 1.1 if drawn else 0.0, most * 1.12)
    axes.set_xlabel("dB gained against the float output when it alone is left unquantized", fontsize=8)
    axes.legend(handles=_keys(rows), fontsize=8, loc="lower right")
    _quiet(axes)


def _keys(rows: tuple[Row, ...]) -> list[Any]:
    from matplotlib.patches import Patch

    return [Patch(color=color, label=kind) for kind, color in COLORS.items() if any(row.kind == kind for row in rows)]


def _steps(axes: "Axes", budget: Budget, rows: tuple[Row, ...]) -> None:
    """PSNR as row after row is left out; against HR where there are originals."""
    judged = budget.float_hr is not None
    values = [row.cumulative.against_hr if judged else row.cumulative.against_float for row in rows]
    points = [(value, place) for place, value in enumerate(values) if value is not None and isfinite(value)]
    axes.plot([value for value, _ in points], [place for _, place in points], "o-", color="#333333", markersize=3)
    int8 = budget.int8.against_hr if judged else budget.int8.against_float
    if int8 is not None and isfinite(int8):
        axes.axvline(int8, color="#c44e52", linewidth=1, label=f"INT8 {int8:.3f}")
    if budget.float_hr is not None:
        axes.axvline(budget.float_hr, color="#55a868", linewidth=1, label=f"float {budget.float_hr:.3f}")
    what = f"against HR, {budget.protocol}" if judged else "against the float output"
    axes.set_xlabel(f"PSNR, dB, {what},\nwith this and all above it left unquantized", fontsize=8)
    axes.legend(fontsize=8, loc="lower left")
    _quiet(axes)


def _quiet(axes: "Axes") -> None:
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
