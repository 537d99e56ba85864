"""The verb that measures latency."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, json_out
from sr2tflite.cli.options_bench import host_options, report_options
from sr2tflite.cli.options_phone import phone_options, phone_plan
from sr2tflite.cli.typed import Remembering

if TYPE_CHECKING:
    from sr2tflite.bench.result import BenchReport
    from sr2tflite.progress import Progress


def _print_schema(context: click.Context, _parameter: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from sr2tflite.bench.schema import json_schema

        click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        context.exit()


@group.command(cls=Remembering, short_help="Latency on this machine, or on phones.")
@click.argument("models", type=FILE, nargs=-1, required=True, metavar="MODEL.tflite...")
@click.option("--runs", type=COUNT, metavar="N", help="Timed inferences a round, at least.  [default: 5]")
@click.option("--rounds", type=COUNT, metavar="N", help="Fresh processes a file, interleaved.  [default: 12]")
@click.option("--warmup", type=click.IntRange(min=0), metavar="N", help="Inferences first, at least.  [default: 2]")
@host_options
@phone_options
@report_options
@json_out
@click.option("--schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema, help="Print the JSON schema of --json.")  # fmt: skip  # noqa: E501
def bench(
    models: tuple[Path, ...],
    as_json: bool,
    height: int | None,
    width: int | None,
    plot: Path | None,
    year: str | None,
    psnr: str | None,
    phone: dict[str, Any],
    **told: Any,
) -> int:
    """Latency here, or with --android on phones: fresh processes that take turns, each file against the first."""
    from sr2tflite.bench.plan import Plan
    from sr2tflite.cli import show, show_bench
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.bench import bench as command
    from sr2tflite.commands.bench import draw
    from sr2tflite.commands.score import psnr_of, score
    from sr2tflite.export.challenges import CHALLENGES

    usual = CHALLENGES[year].size if year else Plan.size
    given = {key: value for key, value in told.items() if value is not None}
    given["size"] = (height or usual[0], width or usual[1])
    decibels = psnr_of(models, psnr) if psnr else {}
    with watching(as_json) as progress:
        report = (
            _on_phones(models, phone, given, progress) if phone else command(models, Plan(**given), progress=progress)
        )
    if year:
        report = score(report, year, decibels)
    # before the picture: where that cannot be written, what was measured is not lost
    show.as_json(report) if as_json else show_bench.report(report)
    if plot is not None:
        draw(report, plot)
    if not as_json:
        if "sizes" not in given:
            show_bench.unheeded(report, height, width)
        show_bench.following(report, models, click.get_current_context())
    return max((one.exit_status for one in report.failures), default=0)


def _on_phones(
    models: tuple[Path, ...], phone: dict[str, Any], given: dict[str, Any], progress: "Progress"
) -> "BenchReport":
    from sr2tflite.commands.bench_android import bench_android

    which = {"serials": phone["serials"], "every": phone["all_devices"], "adb": phone["adb"]}
    return bench_android(models, phone_plan(phone, given), **which, progress=progress)
