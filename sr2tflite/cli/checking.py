"""The verbs that look for what is wrong with a file."""

from pathlib import Path

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, data, json_out


@group.command(short_help="Is the file what was trained?")
@click.argument("model", type=FILE, metavar="MODEL.tflite")
@click.option(
    "--against", type=FILE, metavar="QDQ.onnx", help="What it was made from: qat.onnx, ptq.onnx, or a .tflite."
)
@data("Images that it is run on, as they are; otherwise generated ones and calib_data/.", required=False)
@click.option("--limit", type=COUNT, default=16, show_default=True, help="At most so many images.")
@click.option("--min-runtime", metavar="X.Y", help="Oldest TensorFlow Lite release that must load the file, as 2.14.")
@click.option("--maps", type=FILE, metavar="DIR", help="Folder for error maps; MODEL.verify otherwise.")
@json_out
def verify(
    model: Path,
    against: Path | None,
    folders: tuple[Path, ...],
    limit: int,
    min_runtime: str | None,
    maps: Path | None,
    as_json: bool,
) -> int:
    """Is the file what was trained, and does it run elsewhere as it does here?

    Compares scales, weights, biases and bytes with --against, the bytes of LiteRT with those that the integers mean,
    and looks for what runtimes refuse late. Exit status 5 where something differs.
    """
    from sr2tflite.cli import findings, show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.verify import verify as command

    with watching(as_json) as progress:
        report = command(
            model,
            against=against,
            data=folders,
            limit=limit,
            min_runtime=min_runtime,
            maps=maps,
            progress=progress,
        )
    if as_json:
        show.as_json(report)
    else:
        findings.verdict(report)
    return findings.status(report)
