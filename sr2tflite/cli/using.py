"""The verb that uses a network for what it is made for."""

from pathlib import Path

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, json_out


@group.command(short_help="Enlarge images.")
@click.argument("sources", type=FILE, nargs=-1, metavar="IMAGE|DIR...")
@click.argument("target", type=FILE, metavar="OUT")
@click.option("--model", type=FILE, required=True, metavar="FILE", help="A .tflite, an .onnx, or a checkpoint.")
@click.option("--tile", type=COUNT, metavar="N", help="Run larger images in tiles of N×N.  [default: 512 for integer files of free shape]")  # fmt: skip  # noqa: E501
@click.option("--overwrite", is_flag=True, help="Replace images that are there and were made otherwise.")
@json_out
def upscale(
    sources: tuple[Path, ...], target: Path, model: Path, tile: int | None, overwrite: bool, as_json: bool
) -> int:
    """Enlarge images, or folders of them, into a folder (or one image into one file), by any network.

    Tiles change no byte of an integer file's result. Alpha is enlarged by bicubic, grey images stay grey, and
    images stand the way up that EXIF says; PNG and TIFF of 16 bits are rounded to 8, and said to be. What is there
    already is not made again, so that the same command goes on where it was stopped. An image that cannot be used is
    named and left out; the exit status is then 2.
    """
    if not sources:
        raise click.UsageError(f"{target} alone is named; expected what to enlarge, then where to: IMAGE|DIR... OUT")
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.upscale import upscale as command

    with watching(as_json) as progress:
        result = command(sources, target, model, tile=tile, overwrite=overwrite, progress=progress)
    if as_json:
        show.as_json(result)
    else:
        show.upscaled(result)
    return result.exit_status
