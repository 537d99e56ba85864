"""The verb that measures latency."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, json_out
from sr2tflite.cli.options_bench import host_options, report_options
from sr2tflite.cli.options_phone import phone_options, phone_plan

if TYPE_CHECKING:
    from sr2tflite.bench.result import BenchReport
    from sr2tflite.progress import Progress


def _print_schema(context: click.Context, _parameter: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from sr2tflite.bench.schema import json_schema

        click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        context.exit()


_schema = click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON schema of --json.",
)


@group.command(short_help="Latency on this machine, or on phones.")
@click.argument("models", type=FILE, nargs=-1, required=True, metavar="MODEL.tflite...")
@click.option("--runs", type=COUNT, metavar="N", help="Timed inferences a round, at least.  [default: 5]")
@click.option("--rounds", type=COUNT, metavar="N", help="Fresh processes a file, interleaved.  [default: 12]")
@click.option("--warmup", type=click.IntRange(min=0), metavar="N", help="Inferences first, at least.  [default: 2]")
@host_options
@phone_options
@report_options
@json_out
@_schema
def bench(
    models: tuple[Path, ...],
    as_json: bool,
    phone: dict[str, Any],
    plot: Path | None,
    year: str | None,
    psnr: str | None,
    **told: Any,
) -> int:
    """Latency on this machine, or with --android on phones: fresh processes that take turns."""
    from sr2tflite.cli import show, show_bench
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.bench import draw
    from sr2tflite.commands.score import psnr_of, score

    told["size"] = _size(told.pop("height"), told.pop("width"), year)
    decibels = psnr_of(models, psnr) if psnr else {}
    with watching(as_json) as progress:
        report = _on_phones(models, phone, told, progress) if phone else _here(models, told, progress)
    if year:
        report = score(report, year, decibels)
    if plot is not None:
        draw(report, plot)
    show.as_json(report) if as_json else show_bench.report(report, models)
    return max((one.exit_status for one in report.failures), default=0)


def _size(height: int | None, width: int | None, year: str | None) -> tuple[int, int]:
    """For free-shape files: what was asked for, else what the challenge timed, else 720p."""
    from sr2tflite.bench.plan import Plan
    from sr2tflite.bench.score import YEARS

    usual = YEARS[year].size if year else Plan.size
    return height or usual[0], width or usual[1]


def _here(models: tuple[Path, ...], told: dict[str, Any], progress: "Progress") -> "BenchReport":
    from sr2tflite.bench.plan import Plan
    from sr2tflite.commands.bench import bench as command

    given = {key: value for key, value in told.items() if value is not None}
    return command(models, Plan(**given), progress=progress)


def _on_phones(
    models: tuple[Path, ...], phone: dict[str, Any], told: dict[str, Any], progress: "Progress"
) -> "BenchReport":
    from sr2tflite.commands.bench_android import bench_android

    which = {"serials": phone["serials"], "every": phone["all_devices"], "adb": phone["adb"]}
    return bench_android(models, phone_plan(phone, told), **which, progress=progress)
