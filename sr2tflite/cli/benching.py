"""The verb that measures latency."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, json_out
from sr2tflite.cli.options_bench import host_options
from sr2tflite.cli.options_phone import phone_options, phone_plan

if TYPE_CHECKING:
    from sr2tflite.bench.result import BenchReport
    from sr2tflite.progress import Progress


@group.command(short_help="Latency on this machine, or on phones.")
@click.argument("models", type=FILE, nargs=-1, required=True, metavar="MODEL.tflite...")
@click.option("--runs", type=COUNT, metavar="N", help="Timed inferences a round, at least.  [default: 5]")
@click.option("--rounds", type=COUNT, metavar="N", help="Fresh processes a file, interleaved.  [default: 12]")
@click.option("--warmup", type=click.IntRange(min=0), metavar="N", help="Inferences first, at least.  [default: 2]")
@host_options
@phone_options
@json_out
def bench(models: tuple[Path, ...], as_json: bool, height: int, width: int, phone: dict[str, Any], **told: Any) -> int:
    """Latency on this machine, or with --android on phones: fresh processes, interleaved."""
    from sr2tflite.bench.plan import Plan
    from sr2tflite.cli import show, show_bench
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.bench import bench as command

    size = (height, width)
    with watching(as_json) as progress:
        if phone:
            report = _on_phones(models, phone, {"size": size, **told}, progress)
        else:
            given = {key: value for key, value in told.items() if value is not None}
            report = command(models, Plan(size=size, **given), progress=progress)
    show.as_json(report) if as_json else show_bench.report(report)
    return max((one.exit_status for one in report.failures), default=0)


def _on_phones(
    models: tuple[Path, ...], phone: dict[str, Any], told: dict[str, Any], progress: "Progress"
) -> "BenchReport":
    from sr2tflite.commands.bench_android import bench_android

    which = {"serials": phone["serials"], "every": phone["all_devices"], "adb": phone["adb"]}
    return bench_android(models, phone_plan(phone, told), **which, progress=progress)
