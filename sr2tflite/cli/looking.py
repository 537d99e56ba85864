"""The verbs that look at artifacts and change nothing."""

from pathlib import Path

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, json_out


@group.command(short_help="What a file is, holds and costs.")
@click.argument("artifact", type=FILE, metavar="MODEL.tflite|MODEL.onnx|CHECKPOINT.safetensors|RUN")
@click.option("--tree", is_flag=True, help="Every op with the shapes, types and scales of what it reads and writes.")
@click.option(
    "--height", type=COUNT, default=720, show_default=True, help="At which costs of free-shape files are told."
)
@click.option(
    "--width", type=COUNT, default=1280, show_default=True, help="At which costs of free-shape files are told."
)
@json_out
def inspect(artifact: Path, tree: bool, height: int, width: int, as_json: bool) -> None:
    """What an artifact is, holds and costs: ends, ops, parameters, MACs, receptive field, memory, what it has seen.

    Anybody's files, as far as they can be read; what could not be found out is said. Nothing is run.
    """
    from sr2tflite.cli import show, show_inspect
    from sr2tflite.commands.inspect import inspect as command

    found = command(artifact, (height, width))
    return show.as_json(found) if as_json else show_inspect.inspection(found, tree=tree)
