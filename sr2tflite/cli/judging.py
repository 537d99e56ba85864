"""The verbs that judge what was made: quality and latency."""

from pathlib import Path

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, data, json_out


@group.command("eval", short_help="PSNR and SSIM, side by side.")
@click.argument("artifacts", type=FILE, nargs=-1, metavar="ARTIFACT...")
@data("Folder of high-resolution images, or with HR/ and LR/; may be given more than once.")
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
    return show.as_json(result) if as_json else show.evaluation(result, per_image=per_image)


@group.command(short_help="Latency on this machine.")
@click.argument("models", type=FILE, nargs=-1, required=True, metavar="MODEL.tflite...")
@click.option("--threads", default=1, type=COUNT, show_default=True)
@click.option("--runs", default=10, type=COUNT, show_default=True, help="Timed inferences a round.")
@click.option("--rounds", default=3, type=COUNT, show_default=True, help="Fresh processes a file, interleaved.")
@click.option("--height", type=COUNT, default=720, show_default=True, help="For free-shape files.")
@click.option("--width", type=COUNT, default=1280, show_default=True, help="For free-shape files.")
@json_out
def bench(
    models: tuple[Path, ...], threads: int, runs: int, rounds: int, height: int, width: int, as_json: bool
) -> None:
    """Latency on this machine: fresh processes, interleaved."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.bench import bench as command

    with watching(as_json) as progress:
        result = command(models, threads=threads, runs=runs, rounds=rounds, size=(height, width), progress=progress)
    return show.as_json(result) if as_json else show.latencies(result)
