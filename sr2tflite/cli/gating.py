"""The verb that says whether something may pass."""

from pathlib import Path

import click

from sr2tflite.cli.fixing import fixable
from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, data, json_out


@group.command(short_help="May it go there? Profiles of rules, as a gate.")
@click.argument("target", type=FILE, metavar="MODEL.tflite|FOLDER")
@click.option("--profile", "names", multiple=True, required=True, metavar="NAME", help="May be given more than once.")
@click.option(
    "--against", type=FILE, metavar="QDQ.onnx", help="What it was made from: qat.onnx, ptq.onnx, or a .tflite."
)
@data(
    "Images that it is run on, as they are; otherwise generated ones and calib_data/.", required=False, flag="--images"
)
@click.option("--limit", type=COUNT, default=16, show_default=True, help="At most so many images.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the result as Markdown.")
@json_out
@fixable
def check(
    target: Path,
    names: tuple[str, ...],
    against: Path | None,
    folders: tuple[Path, ...],
    limit: int,
    as_markdown: bool,
    as_json: bool,
) -> int:
    """May the file go where the profiles say? Exit status 4 where a rule says no."""
    from sr2tflite.cli import findings, markdown, show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.check import Given
    from sr2tflite.commands.check import check as command

    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    with watching(as_json or as_markdown) as progress:
        gate = command(target, names, Given(against, folders, limit), progress=progress)
    if as_json:
        show.as_json(gate)
    elif as_markdown:
        click.echo(markdown.gate(gate))
    else:
        findings.gate(gate)
    return 0 if gate.passed else show.GATE_FAILED
