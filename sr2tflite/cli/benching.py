"""The verb that measures latency."""

from pathlib import Path
from typing import Any

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, json_out
from sr2tflite.cli.options_bench import host_options


@group.command(short_help="Latency on this machine.")
@click.argument("models", type=FILE, nargs=-1, required=True, metavar="MODEL.tflite...")
@click.option("--runs", type=COUNT, metavar="N", help="Timed inferences a round, at least.  [default: 5]")
@click.option("--rounds", type=COUNT, metavar="N", help="Fresh processes a file, interleaved.  [default: 12]")
@click.option("--warmup", type=click.IntRange(min=0), metavar="N", help="Inferences first, at least.  [default: 2]")
@host_options
@json_out
def bench(models: tuple[Path, ...], as_json: bool, height: int, width: int, **told: Any) -> None:
    """Latency on this machine: fresh processes, interleaved."""
    from sr2tflite.bench.plan import Plan
    from sr2tflite.cli import show, show_bench
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.bench import bench as command

    given = {key: value for key, value in told.items() if value is not None}
    with watching(as_json) as progress:
        report = command(models, Plan(size=(height, width), **given), progress=progress)
    return show.as_json(report) if as_json else show_bench.report(report)
