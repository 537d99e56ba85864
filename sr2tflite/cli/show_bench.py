"""What a person sees of a benchmark."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from sr2tflite.bench.figures import figure
from sr2tflite.bench.names import device_names, ranges, short_hash
from sr2tflite.bench.phone.cpu_groups import numbers_of
from sr2tflite.bench.plot import ms_per_megapixel, output_megapixels
from sr2tflite.bench.result import BenchReport, BenchResult, Placement
from sr2tflite.bench.verdict import disturbances
from sr2tflite.cli import show, tables
from sr2tflite.cli.typed import typed_again
from sr2tflite.files import quoted

PROFILED = ("gpu", "nnapi")
"""Units whose demands ``check`` has a profile of, by the same name."""


def report(found: BenchReport) -> None:
    """Times of every file, how far they can be believed, and each file against the first."""
    devices = device_names(found.results)
    for result, device in zip(found.results, devices, strict=True):
        _latencies(result, device)
    if len({result.models[0].output.shape for result in found.results}) > 1:
        _per_megapixel(found.results)
    largest = max(result.models[0].output.shape for result in found.results)
    for result, device in zip(found.results, devices, strict=True):
        if result.models[0].output.shape == largest:
            _ops(result, f", {device}" if len(set(devices)) > 1 else "")
    for line in _outside(found.results, devices):
        click.echo(line)
    for one in found.failures:
        click.echo(f"not measured: phone {short_hash(one.serial_hash)}: {one.message}")


def _outside(results: Sequence[BenchResult], devices: Sequence[str]) -> Sequence[str]:
    """The ops that were left out, a line for each file, and for each device where it is not the only one."""
    lines = []
    for result, device in zip(results, devices, strict=True):
        on = f" on {device}" if len(set(devices)) > 1 else ""
        for model in result.models:
            if model.placement.outside:
                lines.append(f"{model.name}: outside {model.placement.asked}{on}: {listed(model.placement.outside)}")
    return tuple(dict.fromkeys(lines))  # sizes and threads repeat them


def listed(names: Sequence[str]) -> str:
    """``RELU, 2 MINIMUM``: the names, each once, with its count."""
    counts = Counter(names)
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in counts.items())


def unheeded(found: BenchReport, height: int | None, width: int | None) -> None:
    """Say which files fix their size otherwise than was typed."""
    is_host = found.results[0].device.kind == "host"
    for model in {one.name: one for result in found.results for one in result.models}.values():
        own = model.input.shape[1:3]
        asked = tuple(side or fixed for side, fixed in zip((height, width), own, strict=True))
        if own != asked:
            how = f"; --sizes {asked[0]}x{asked[1]} does" if is_host else ""
            fixed = "×".join(map(str, own))
            click.echo(f"{model.name}: fixes its size, {fixed}, which --height and --width do not change{how}")


def _latencies(result: BenchResult, device: str) -> None:
    rows = []
    for model in result.models:
        times, placed = model.latency_ms, model.placement
        numbers = (times.min, times.p5, times.median, times.p95, model.first_ms, model.init_ms)
        memory = "" if model.peak_memory_kib is None else f"{model.peak_memory_kib / 1024:.0f}"
        told = ["" if one is None else figure(one) for one in numbers]
        size = "×".join(map(str, model.input.shape[1:3]))
        rows.append([model.name, size, *told, memory, _delegated(placed), model.verdict])
    head = ["ms", "input", "min", "p5", "median", "p95", "first", "init", "MiB", "delegated", "verdict"]
    click.echo(f"{device}, threads: {result.threads}{_pinned(result)}")
    tables.table(head, rows)
    for model in result.models:
        if model.verdict == "noisy":
            click.echo(f"{model.name}: noisy: {'; '.join(disturbances(model.rounds))}")
    for ratio in result.ratios:
        click.echo(str(ratio))
    for model in result.models:
        if model.output_check is not None:
            click.echo(f"{model.name}: {model.output_check}")
    for score in result.scores:
        told_by = f"{score.psnr:.2f} dB, {figure(score.latency_ms)} ms on {score.device}"
        click.echo(f"{score.model}: {score.year} score {figure(score.score)} ({told_by}); {score.note}")
    for note in result.notes:
        click.echo(note)


def _pinned(result: BenchResult) -> str:
    """Where the runs were held; a phone's mask as processors too."""
    if result.affinity is None:
        return ""
    if result.device.kind == "host":
        return f", on processors {result.affinity}"
    return f", on processors {ranges(numbers_of(result.affinity))} (mask {result.affinity})"


def _delegated(placed: Placement) -> str:
    """``5/6``, with a question mark for what the tool does not tell."""
    return "/".join("?" if count is None else str(count) for count in (placed.delegated, placed.nodes))


def _per_megapixel(results: Sequence[BenchResult]) -> None:
    rows = []
    for result in results:
        for model in result.models:
            size = "×".join(map(str, model.output.shape[1:3]))
            each = [figure(output_megapixels(model)), figure(ms_per_megapixel(model))]
            rows.append([model.name, str(result.threads), size, *each])
    tables.table(["time for a megapixel of the output", "threads", "output", "megapixels", "ms/megapixel"], rows)


def _ops(result: BenchResult, where: str) -> None:
    """The time of every op, in the order in which they ran."""
    for model in result.models:
        if model.ops is None:
            continue
        total = sum(op.ms for op in model.ops) or 1.0  # all may be shorter than a microsecond
        rows = [[op.op, op.delegate or "builtin", figure(op.ms), f"{100 * op.ms / total:.1f} %"] for op in model.ops]
        click.echo(f"{model.name}{where}, threads: {result.threads}: ops, in a pass of its own")
        tables.table(["op", "kernel", "ms", "share"], rows)


def following(found: BenchReport, models: Sequence[Path], context: click.Context) -> None:
    """What to type next: again if it was noisy, what may mend it where a unit or ops were left out, else what follows.

    Args:
        found: What was measured.
        models: The files, as they were given.
        context: The call's, so that what is typed again measures the same.
    """
    every = [(path, model) for result in found.results for path, model in zip(models, result.models, strict=True)]
    outside = next((path for path, model in every if model.placement.outside), None)
    fallen = [(path, model.placement.asked) for path, model in every if model.verdict == "fell back"]
    declined = next((one for one in fallen if one[1] in PROFILED), None)
    first = found.results[0]
    if any(model.verdict == "noisy" for _, model in every):
        click.echo("noisy: measure again, with more rounds and when nothing else runs")
        more = str(max(12, 2 * first.rounds))
        show.next_step(typed_again(context, "--rounds", more, without={"--rounds"}))
    elif found.failures:
        show.next_step(typed_again(context))
    elif declined is not None:
        show.next_step(f"sr2tflite check {quoted(declined[0])} --profile {declined[1]}")
    elif outside is not None:
        show.next_step(f"sr2tflite verify {quoted(outside)}")
    elif first.device.kind == "host":
        show.next_step(typed_again(context, "--android", without={"--sizes", "--cpus", "--plot"}))
    else:
        show.next_step(f"sr2tflite eval {shlex.join(map(str, models))} --data DIR")
