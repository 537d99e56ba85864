"""The verbs that judge what was made: quality, and what quantization costs."""

from pathlib import Path
from typing import Any

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, IMAGES, data, decibels, json_out, out, picture


@group.command("eval", short_help="PSNR and SSIM, side by side.")
@click.argument("artifacts", type=FILE, nargs=-1, metavar="ARTIFACT...")
@data(IMAGES)
@click.option(
    "--protocol", "protocols", multiple=True, default=("rgb",), show_default=True, help="rgb, rgb-shave3, y-shave3."
)
@click.option("--limit", type=COUNT, help="Only the first so many images of each folder.")
@click.option("--per-image", is_flag=True, help="Show every image, not only the mean.")
@click.option("--allow-leak", is_flag=True, help="Judge even on images the artifact was made with.")
@json_out
def evaluate(
    artifacts: tuple[Path, ...],
    folders: tuple[Path, ...],
    protocols: tuple[str, ...],
    limit: int | None,
    per_image: bool,
    allow_leak: bool,
    as_json: bool,
) -> None:
    """PSNR and SSIM of checkpoint, ONNX and TFLite side by side, and each against the first."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.eval import evaluate as command

    with watching(as_json) as progress:
        result = command(artifacts, folders, protocols=protocols, limit=limit, allow_leak=allow_leak, progress=progress)
    if as_json:
        return show.as_json(result)
    show.evaluation(result, per_image=per_image)
    return show.next_step(show.judged(artifacts))


@group.command(short_help="What the quantization of each tensor costs, in dB.")
@click.argument("model", type=FILE, metavar="QUANTIZED.onnx|MODEL.tflite")
@click.option("--float", "source", type=FILE, required=True, metavar="DEPLOY.onnx", help="What it was made from.")
@data(IMAGES, required=False)
@data("Folder of low-resolution images instead: costs against float alone.", required=False, flag="--lr", name="small")
@click.option("--protocol", default="rgb", show_default=True, help="rgb, rgb-shave3, y-shave3.")
@click.option("--limit", type=COUNT, help="Only the first so many images of each folder.")
@click.option("--allow-leak", is_flag=True, help="Measure even on images the model was made with.")
@click.option("--try", "try_fixes", is_flag=True, help="Carry out and measure the fixes that need no training.")
@data("Folder of other images, by which --try chooses.", required=False, flag="--calibrate", name="calibrate")
@out(".onnx", required=False, text="With --try: write the model with the ranges that helped.")
@picture("Draw a bar chart.")
@click.option("--max-drop", callback=decibels, metavar="DB", help="Exit with 4 where INT8 is further below float.")
@json_out
def budget(
    model: Path,
    source: Path,
    folders: tuple[Path, ...],
    small: tuple[Path, ...],
    max_drop: float | None,
    as_json: bool,
    **told: Any,
) -> int:
    """What the quantization of each tensor costs, by leaving it out, and what may be done about it."""
    from sr2tflite.cli import show_budget
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.budget import On
    from sr2tflite.commands.budget import budget as command
    from sr2tflite.commands.fixes import Trial

    target, plot, calibrate, is_tried = (told.pop(key) for key in ("target", "plot", "calibrate", "try_fixes"))
    if max_drop is not None and not folders:
        raise click.UsageError("--max-drop needs high-resolution images: --data DIR")
    if (calibrate or target) and not is_tried:
        raise click.UsageError("--calibrate and -o go with --try")
    with watching(as_json) as progress:
        trial = Trial(calibrate, target) if is_tried else None
        result = command(model, source, On(folders, small, **told), trial=trial, plot=plot, progress=progress)
    return show_budget.budget(result, max_drop, as_json, target, (model, source))
