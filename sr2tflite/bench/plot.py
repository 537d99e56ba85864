"""A report as a picture: every timed run in the order it came, and how the time for a pixel grows with the size."""

import io
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from sr2tflite.bench.figures import figure
from sr2tflite.bench.names import device_names
from sr2tflite.bench.result import BenchReport, BenchResult, ModelBench

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#4c72b0", "#c44e52", "#55a868", "#8172b3", "#ccb974", "#64b5cd")
MOST_PANELS = 8
_PANEL_INCHES, _CURVE_INCHES = 2.6, 3.4
_BAR_STEP = 0.08
"""Of a round's width, between the bars of two files."""


def picture(report: BenchReport) -> bytes:
    """The picture as PNG: with several sizes the time per megapixel first, then a panel of runs for each result."""
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False}):  # a dollar is a name's own
        return _drawn(report)


def _drawn(report: BenchReport) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    results = report.results[:MOST_PANELS]
    is_curve = len({_pixels(result) for result in report.results}) > 1
    heights = [_CURVE_INCHES] * is_curve + [_PANEL_INCHES] * len(results)
    figure = Figure(figsize=(11, 0.6 + sum(heights)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    if is_curve:
        _curves(panels[0], report.results)
    devices = device_names(report.results)
    for axes, result, device in zip(panels[is_curve:], results, devices, strict=False):
        _runs(axes, result, f"{device}: " if len(set(devices)) > 1 else "")
    left = len(report.results) - len(results)
    more = f", {left} more not shown" if left else ""
    figure.suptitle(f"{', '.join(dict.fromkeys(devices))}{more}", fontsize=11)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": "sr2tflite"})
    return target.getvalue()


def _runs(axes: "Axes", result: BenchResult, where: str) -> None:
    """Rounds side by side, in each the runs of every file from left to right; a line is a round's median.

    Where a tool tells no single runs, a bar from the shortest to the 95th percentile, if that is told, stands for them.
    """
    for index, model in enumerate(result.models):
        color = COLORS[index % len(COLORS)]
        label = f"{model.name}\n{figure(model.latency_ms.center)} ms, {model.verdict}"
        for place, one in enumerate(model.rounds):
            across = place + 0.55 + 0.9 * (np.arange(len(one.times_ms)) + 0.5) / max(len(one.times_ms), 1)
            axes.plot(across, one.times_ms, ".", color=color, markersize=6, alpha=0.5, markeredgewidth=0)
            center = one.latency_ms.center
            if not one.times_ms:
                beside = place + 1 + _BAR_STEP * (index - (len(result.models) - 1) / 2)
                ends = (one.latency_ms.min, one.latency_ms.p95 or center)
                axes.plot([beside, beside], ends, "-", color=color, linewidth=3, alpha=0.5)
            axes.plot([place + 0.55, place + 1.45], [center, center], "-", color=color, linewidth=1.2, label=label)
            label = ""  # one entry a file
    rounds = max(len(model.rounds) for model in result.models)
    axes.set_xticks(range(1, rounds + 1))
    axes.set_xlim(0.4, rounds + 0.6)
    for border in range(1, rounds):
        axes.axvline(border + 0.5, color="#dddddd", linewidth=0.6, zorder=0)
    axes.set_ylim(0, _top(result.models))
    axes.set_ylabel("ms", fontsize=8)
    are_told = all(one.times_ms for model in result.models for one in model.rounds)
    bar = "" if are_told else ", a bar from the shortest run to the 95th percentile"
    axes.set_xlabel(f"round, each a fresh process; a line is its median{bar}", fontsize=8)
    axes.set_title(f"{where}input {_size(result)}, threads: {result.threads}", fontsize=9, loc="left")
    _quiet(axes)


def _top(models: Sequence[ModelBench]) -> float:
    """A little above nearly all runs: a few that the system held up would leave no room for the rest."""
    highest = []
    for model in models:
        times = [time for one in model.rounds for time in one.times_ms]
        highest.append(float(np.percentile(times, 99)) if times else model.latency_ms.center)
        highest.append(max(max(one.latency_ms.center, one.latency_ms.p95 or 0) for one in model.rounds))
    return 1.15 * max(highest)


def _curves(axes: "Axes", results: Sequence[BenchResult]) -> None:
    """Time per megapixel of the output; flat is a cost that grows as the pixels do. Bars span the rounds."""
    threads = sorted({result.threads for result in results})
    names = [model.name for model in results[0].models]
    for index, name in enumerate(names):
        for style, count in zip(("o-", "s--", "^:", "v-."), threads, strict=False):
            points = [_point(result.models[index]) for result in results if result.threads == count]
            across, middle, below, above = np.transpose(sorted(points))
            label = f"{name}, threads: {count}" if len(threads) > 1 else name
            color = COLORS[index % len(COLORS)]
            axes.errorbar(across, middle, (below, above), fmt=style, capsize=3, markersize=5, color=color, label=label)
    sizes = sorted({output_megapixels(result.models[0]) for result in results})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{one:.3g}" for one in sizes])
    axes.set_xticks([], minor=True)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("megapixels of the output", fontsize=8)
    axes.set_ylabel("ms per megapixel", fontsize=8)
    axes.set_title("time for a megapixel of the output; bars span the rounds' medians", fontsize=9, loc="left")
    _quiet(axes)


def _point(model: ModelBench) -> tuple[float, float, float, float]:
    """Megapixels; the time for one, and how far the rounds lie below and above."""
    megapixels, middle = output_megapixels(model), ms_per_megapixel(model)
    rounds = [one.latency_ms.center / megapixels for one in model.rounds]
    # the middle of all runs may lie outside the middles of the rounds by a part of a run
    return megapixels, middle, max(middle - min(rounds), 0), max(max(rounds) - middle, 0)


def ms_per_megapixel(model: ModelBench) -> float:
    """The latency for each megapixel of the output."""
    return model.latency_ms.center / output_megapixels(model)


def output_megapixels(model: ModelBench) -> float:
    """Height × width of the output (all of its shape but the channels), in millions."""
    return prod(model.output.shape[:-1]) / 1e6


def _pixels(result: BenchResult) -> tuple[int, ...]:
    return result.models[0].output.shape


def _size(result: BenchResult) -> str:
    sizes = dict.fromkeys("×".join(map(str, model.input.shape[1:3])) for model in result.models)
    return ", ".join(sizes)


def _quiet(axes: "Axes") -> None:
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
