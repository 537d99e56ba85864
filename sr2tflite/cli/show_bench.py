"""What a person sees of a benchmark."""

from collections import Counter

import click

from sr2tflite.bench.result import BenchReport, BenchResult, ModelBench
from sr2tflite.bench.verdict import disturbances
from sr2tflite.cli import show


def report(found: BenchReport) -> None:
    """Times of every file, how far they can be believed, and each file against the first."""
    for result in found.results:
        _latencies(result)
    first = found.results[0]
    for model in first.models:
        if model.placement.outside:
            outside = Counter(model.placement.outside)
            listed = ", ".join(name if count == 1 else f"{count} {name}" for name, count in outside.items())
            click.echo(f"{model.name}: outside {model.placement.asked}: {listed}")
    _next(first)


def _latencies(result: BenchResult) -> None:
    rows = []
    for model in result.models:
        times, placed = model.latency_ms, model.placement
        numbers = (times.min, times.p5, times.median, times.p95, model.first_ms, model.init_ms)
        memory = "" if model.peak_memory_kib is None else f"{model.peak_memory_kib / 1024:.0f}"
        told = ["" if one is None else _ms(one) for one in numbers]
        rows.append([model.name, *told, memory, f"{placed.delegated}/{placed.nodes}", _verdict(model)])
    head = ["ms", "min", "p5", "median", "p95", "first", "init", "MiB", "delegated", "verdict"]
    sides = result.models[0].input.shape[1:3]
    size = "×".join(map(str, sides))
    pinned = f", on processors {result.affinity}" if result.affinity else ""
    show.table(head, rows, title=f"{result.device.name}, threads: {result.threads}{pinned}, input {size}")
    for ratio in result.ratios:
        click.echo(str(ratio))
    for model in result.models:
        if model.output_check is not None:
            click.echo(f"{model.name}: {model.output_check}")
    for note in result.notes:
        click.echo(note)


def _ms(value: float) -> str:
    """Three significant digits where there are fewer before the point."""
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def _verdict(model: ModelBench) -> str:
    reasons = disturbances(model.rounds) if model.verdict == "noisy" else ()
    return f"{model.verdict}: {'; '.join(reasons)}" if reasons else model.verdict


def _next(result: BenchResult) -> None:
    """What to type next."""
    noisy = any(model.verdict == "noisy" for model in result.models)
    names = " ".join(model.name for model in result.models)
    outside = next((model.name for model in result.models if model.placement.outside), None)
    if noisy and result.device.kind == "host":
        show.next_step(f"sr2tflite bench {names} --rounds {2 * result.rounds}, when nothing else runs")
    elif outside:
        show.next_step(f"sr2tflite check {outside}")
