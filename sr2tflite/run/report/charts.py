"""What the page's bars and dots are drawn from: shares of a width, in percent, and the words beside them."""

from dataclasses import dataclass
from math import isfinite

from sr2tflite.run.report.numbers import decimals, milliseconds, signed
from sr2tflite.run.report.told.budget import Budget, BudgetRow
from sr2tflite.run.report.told.latency import Bench, BenchModel
from sr2tflite.run.report.told.quality import Evaluation

MOST_COSTS = 12
"""Rows of the budget that are seen at once."""

SIGNS = {"ADD": " + ", "SUB": " − "}


@dataclass(frozen=True)
class Scored:
    """An artifact under one protocol."""

    artifact: str
    psnr: str
    ssim: str
    apart: str
    """PSNR less the float network's; empty for itself."""

    gain: float
    """PSNR above bicubic, in percent of the largest such gain."""


@dataclass(frozen=True)
class Cost:
    """A row of the budget."""

    name: str
    kind: str
    op: str
    width: float
    """Of its bar, percent."""

    against_float: str
    against_hr: str
    grid: str
    """How it uses its grid."""


@dataclass(frozen=True)
class Timed:
    """A file's row of a latency panel."""

    name: str
    center: str
    spread: str
    verdict: str
    at: float
    """Of its median, percent of the axis."""

    rounds: tuple[tuple[float, ...], ...]
    """Every timed run, likewise."""


@dataclass(frozen=True)
class Panel:
    """One result of a bench."""

    title: str
    files: tuple[Timed, ...]
    ticks: tuple[tuple[float, str], ...]
    ratios: tuple[str, ...]
    notes: tuple[str, ...]


def scored(evaluation: Evaluation, protocol: str, reference: str) -> list[Scored]:
    """The rows of one protocol; differences are from the artifact named ``reference``."""
    rows = [row for row in evaluation.rows if row.protocol == protocol]
    least = next((row.psnr for row in rows if row.artifact == "bicubic"), None)
    basis = next((row.psnr for row in rows if row.artifact == reference), None)
    gains = [row.psnr - least if row.psnr is not None and least is not None else 0.0 for row in rows]
    most = max((gain for gain in gains), default=0.0)
    return [
        Scored(
            row.artifact,
            decimals(row.psnr, 4),
            decimals(row.ssim, 5),
            _apart(row.psnr, basis) if row.artifact != reference else "",
            100 * max(gain, 0.0) / most if most > 0 else 0.0,
        )
        for row, gain in zip(rows, gains, strict=True)
    ]


def _apart(psnr: float | None, basis: float | None) -> str:
    return "–" if psnr is None or basis is None else signed(psnr - basis, 4)


def costs(budget: Budget) -> list[Cost]:
    """Every row, the most expensive first."""
    known = [row.cost.against_float for row in budget.rows if row.cost.against_float is not None]
    most = max(known, default=0.0)
    return [
        Cost(
            _label(row),
            row.kind,
            row.op,
            _share(row.cost.against_float, most),
            signed(row.cost.against_float, 2) if row.cost.against_float is not None else "∞",
            signed(row.cost.against_hr, 4) if budget.protocol else "",
            _grid(row),
        )
        for row in budget.rows
    ]


def _grid(row: BudgetRow) -> str:
    unused = f"{row.unused_codes} of {row.codes} codes unused"
    if not row.saturated:
        return unused
    return f"{unused}, {f'{100 * row.saturated:.2f}' if row.saturated >= 1e-4 else 'under 0.01'} % saturated"


def _label(row: BudgetRow) -> str:
    is_sum = row.kind == "activation" and row.op in SIGNS and len(row.reads) == 2
    return f"{row.name} ({SIGNS[row.op].join(row.reads)})" if is_sum else row.name


def _share(value: float | None, most: float) -> float:
    if value is None:
        return 100.0
    return 100 * max(value, 0.0) / most if most > 0 else 0.0


def panels(benches: list[Bench]) -> list[Panel]:
    """A panel for each device, number of threads and size."""
    return [_panel(one) for one in benches if one.models]


def _panel(bench: Bench) -> Panel:
    times = [time for model in bench.models for one in model.rounds for time in one.times_ms]
    times += [model.latency_ms.center for model in bench.models]
    step = _step(max(times) / 4)
    end = step * (int(max(times) * 1.02 / step) + 1)
    sizes = dict.fromkeys("×".join(map(str, model.input.shape[1:3])) for model in bench.models)
    threads = "1 thread" if bench.threads == 1 else f"{bench.threads} threads"
    ticks = tuple((100 * step * index / end, f"{step * index:g}") for index in range(round(end / step) + 1))
    return Panel(
        f"{bench.device_name}, {threads}, input {', '.join(sizes)}",
        tuple(_timed(model, end) for model in bench.models),
        ticks,
        tuple(map(str, bench.ratios)),
        bench.notes,
    )


def _timed(model: BenchModel, end: float) -> Timed:
    latency = model.latency_ms
    high = "" if latency.p95 is None else f", 95 % within {milliseconds(latency.p95)}"
    return Timed(
        model.name,
        milliseconds(latency.center),
        f"fastest {milliseconds(latency.min)}{high}",
        model.verdict,
        _within(latency.center, end),
        tuple(tuple(_within(time, end) for time in one.times_ms) for one in model.rounds),
    )


def _within(value: float, end: float) -> float:
    return round(min(max(100 * value / end, 0.0), 100.0), 3) if isfinite(value) else 0.0


def _step(rough: float) -> float:
    """A round step of an axis, 1, 2 or 5 times a power of ten, not below ``rough``."""
    power = 1.0
    while power * 10 <= rough:
        power *= 10
    while power > rough and power > 1e-6:
        power /= 10
    return next((times * power for times in (1, 2, 5) if times * power >= rough), 10 * power)
