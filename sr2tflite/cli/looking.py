"""The verbs that look at artifacts and change nothing."""

from pathlib import Path

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, json_out


@group.command(short_help="What a file is, holds and costs.")
@click.argument("artifact", type=FILE, metavar="MODEL.tflite|MODEL.onnx|CHECKPOINT|RUN")
@click.option(
    "--tree",
    is_flag=True,
    help="Every op with the shapes, types and scales of what it reads and writes; every tensor of a checkpoint.",
)
@click.option(
    "--height", type=COUNT, default=720, show_default=True, help="At which costs of free-shape files are told."
)
@click.option(
    "--width", type=COUNT, default=1280, show_default=True, help="At which costs of free-shape files are told."
)
@json_out
def inspect(artifact: Path, tree: bool, height: int, width: int, as_json: bool) -> None:
    """What an artifact is, holds and costs: ends, ops, parameters, MACs, receptive field, memory, what it has seen.

    Anybody's files, as far as they can be read; what could not be found out is said. Of a checkpoint (.safetensors,
    .pth, .pt), also the student or teacher that its keys and shapes are of. No code in a file is run.
    """
    from sr2tflite.cli import show, show_inspect
    from sr2tflite.commands.inspect import inspect as command

    found = command(artifact, (height, width))
    return show.as_json(found) if as_json else show_inspect.inspection(found, tree=tree)


@group.command(short_help="What two files differ in.")
@click.argument("first", type=FILE, metavar="A")
@click.argument("second", type=FILE, metavar="B")
@click.option("--image", "images", type=FILE, multiple=True, metavar="PNG|DIR", help="Run both on these; otherwise on generated images and calib_data/.")  # fmt: skip  # noqa: E501
@click.option("--limit", type=COUNT, default=4, show_default=True, help="At most so many photographs.")
@json_out
def diff(first: Path, second: Path, images: tuple[Path, ...], limit: int, as_json: bool) -> int:
    """What two networks differ in: ends, ops, scales, weights, and the first tensor whose values differ on an image.

    A and B are .onnx or .tflite, in any mix. A free height or width equals any. Exit status 0 where nothing differs,
    4 where something does.
    """
    from sr2tflite.cli import show, show_diff
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.diff import diff as command

    with watching(as_json) as progress:
        found = command(first, second, images=images, limit=limit, progress=progress)
    if as_json:
        show.as_json(found)
    else:
        show_diff.diff(found)
    return 0 if found.is_equal else show.GATE_FAILED
