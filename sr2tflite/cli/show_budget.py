"""What a person sees of a budget: a table with bars, the fixes, and where INT8 stands."""

import shlex
from math import isfinite
from pathlib import Path

import click

from sr2tflite.cli import show, tables
from sr2tflite.evaluate.budget.result import Budget, Fix, Quality

BAR = 16
"""Characters of the longest bar."""

_EIGHTHS = "▏▎▍▌▋▊▉█"


def budget(
    result: Budget, max_drop: float | None, machine: bool, fixed: Path | None, measured: tuple[Path, Path]
) -> int:
    """Show a budget; returns the exit status.

    Args:
        result: The budget.
        max_drop: How far INT8 may be below float against HR, in dB; None for any.
        machine: Whether to print JSON.
        fixed: The file that was written.
        measured: The quantized and the float file.
    """
    holds = max_drop is None or (result.drop is not None and result.drop <= max_drop)
    status = 0 if holds else show.GATE_FAILED
    if machine:
        show.as_json(result)
        return status
    _table(result)
    _ends(result)
    told: set[str] = set()
    for row in result.rows:
        _fixes(row.label, row.fixes, told)
    _fixes("whole file", result.fixes, told)
    for note in result.notes:
        click.echo(f"note: {note}")
    if max_drop is not None:
        click.echo(f"max drop {max_drop:g} dB: {'holds' if holds else 'FAILS'}")
    show.next_step(_following(fixed, *(shlex.quote(str(path)) for path in measured)))
    return status


def _following(fixed: Path | None, model: str, source: str) -> str:
    if fixed is not None:
        return f"sr2tflite export {shlex.quote(str(fixed))} --free-shape -o model.tflite"
    if model.endswith(".onnx"):
        return f"sr2tflite budget {model} --float {source} --try --calibrate DIR -o better.onnx"
    return f"sr2tflite inspect {model} --tree"


def _table(result: Budget) -> None:
    judged = result.float_hr is not None
    costs = [row.cost.against_float for row in result.rows if isfinite(row.cost.against_float)]
    most = max(costs, default=0.0)
    head = ["left out", "", "dB, float", *(["dB, HR"] if judged else []), "together", "saturated", "unused", "dead"]
    rows = [
        [
            row.label,
            bar(row.cost.against_float / most if most > 0 else 0.0),
            decibels(row.cost.against_float),
            *([decibels(row.cost.against_hr, 4)] if judged else []),
            f"{row.cumulative.against_float:.2f}",
            f"{100 * row.facts.saturated:.2g} %" if row.facts.saturated else "0",
            f"{row.facts.unused_codes}",
            f"{row.facts.dead_channels}/{row.facts.channels}",
            *(f"{low:.4g} … {high:.4g}" for low, high in (row.facts.float_range, row.facts.grid_range)),
        ]
        for row in result.rows
    ]
    title = f"{result.model} on {show.counted(result.images, 'image')}: what quantization costs"
    tables.table([*head, "as fused", "grid"], rows, title=title)


def _ends(result: Budget) -> None:
    click.echo(f"INT8 against float: {result.int8.against_float:.3f} dB")
    if result.float_hr is not None and result.int8.against_hr is not None and result.drop is not None:
        click.echo(
            f"against HR, {result.protocol}: float {result.float_hr:.4f}, INT8 {result.int8.against_hr:.4f},"
            f" {result.drop:.4f} dB below"
        )


def _fixes(name: str, fixes: tuple[Fix, ...], told: set[str]) -> None:
    """Fixes of one row; a command is told once."""
    for fix in fixes:
        gain = "" if fix.gain is None else f": {_gains(fix.gain)}"
        click.echo(f"{name}: {fix.what}{gain} ({fix.basis})")
        if fix.command and fix.command not in told:
            click.echo(f"    {fix.command}")
            told.add(fix.command)


def _gains(gain: Quality) -> str:
    text = f"{decibels(gain.against_float)} dB against float"
    return text if gain.against_hr is None else f"{text}, {decibels(gain.against_hr, 4)} against HR"


def decibels(value: float | None, digits: int = 3) -> str:
    """A signed figure; a rounded zero has no sign."""
    if value is None:
        return ""
    if not isfinite(value):
        return "∞" if value > 0 else "−∞"
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def bar(share: float) -> str:
    """A bar of at most ``BAR`` characters, to an eighth of one."""
    eighths = round(8 * BAR * min(max(share, 0.0), 1.0))
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest - 1] if rest else "")).ljust(BAR)
