"""The verbs: each parses its words, calls one command and shows the result; heavy imports happen inside."""

from pathlib import Path
from typing import Any

import click

from sr2tflite import __version__
from sr2tflite.cli.options import COUNT, data, json_out, out, settings_of, student

FILE = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sr2tflite")
def group() -> None:
    """From a PyTorch super-resolution student to a proved INT8 TFLite file.

    train → recalibrate → fuse → ptq | qat → export --int8 → eval, bench

    run does all of it from one recipe.
    """


@group.command(short_help="Train a float student.")
@click.argument("name", metavar="STUDENT")
@data("Folder of high-resolution images; may be given more than once.")
@out(".safetensors")
@student
@settings_of("training", "steps=5000")
@json_out
def train(
    name: str, folders: tuple[Path, ...], target: Path, fields: dict[str, Any], told: dict[str, Any], as_json: bool
) -> None:
    """Train a float student from fresh weights (L1 loss); the same command resumes."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.train import train as command
    from sr2tflite.registry import parse_settings
    from sr2tflite.train.settings import TrainSettings

    settings = parse_settings(TrainSettings, told, "")
    with watching(as_json) as progress:
        result = command({"name": name, **fields}, folders, target, settings, progress=progress)
    if as_json:
        return show.as_json(result)
    show.left_out(result.skipped)
    click.echo(f"{result.path}: {show.fitted(result.fitted)}")
    return show.next_step(f"sr2tflite fuse {result.path} -o deploy.onnx")


@group.command(short_help="Take batch-normalization statistics anew.")
@click.argument("source", metavar="STUDENT|CHECKPOINT")
@data("Folder of high-resolution images; may be given more than once.")
@out(".safetensors")
@click.option("--batches", default=64, type=COUNT, show_default=True, help="Batches of random patches.")
@json_out
def recalibrate(source: str, folders: tuple[Path, ...], target: Path, batches: int, as_json: bool) -> None:
    """Take batch-normalization statistics anew, before fusing."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.recalibrate import recalibrate as command

    with watching(as_json) as progress:
        result = command(source, folders, target, batches, progress=progress)
    if as_json:
        return show.as_json(result)
    click.echo(f"{result.path}: {result.layers} batch normalizations recalibrated on {batches} batches")
    return show.next_step(f"sr2tflite fuse {result.path} -o deploy.onnx")


@group.command(short_help="Fuse a network into a float deploy graph.")
@click.argument("source", metavar="STUDENT|CHECKPOINT|MODEL.onnx|PACKAGE.MODULE:CLASS")
@out(".onnx")
@click.option("--student", default=None, help="The student that a bare state dict (.pt, .pth) belongs to.")
@click.option(
    "--peak",
    type=click.Choice(["1", "255"]),
    default=None,
    help="What white is, for MODEL.onnx and PACKAGE.MODULE:CLASS; 1 otherwise.",
)
@json_out
def fuse(source: str, target: Path, student: str | None, peak: str | None, as_json: bool) -> None:
    """Fuse any module, or any converter's ONNX, into a deploy graph, with a certificate."""
    from sr2tflite.cli import show
    from sr2tflite.commands.fuse import fuse as command

    result = command(source, target, student=student, peak=None if peak is None else int(peak))
    if as_json:
        return show.as_json(result)
    show.certificate(result)
    if result.certificate.integers is not None:
        return show.next_step(f"sr2tflite export {target} --int8 --height 720 --width 1280 -o model.tflite")
    return show.next_step(f"sr2tflite ptq {target} --calibrate DIR -o ptq.onnx")


@group.command(short_help="Quantize without training.")
@click.argument("model", type=FILE)
@data("Folder of high-resolution images, or an image; may be given more than once.", flag="--calibrate")
@out(".onnx")
@settings_of("calibration", "method=minmax")
@json_out
def ptq(model: Path, folders: tuple[Path, ...], target: Path, told: dict[str, Any], as_json: bool) -> None:
    """Quantize a float deploy graph by looking at images, without training."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.ptq import ptq as command
    from sr2tflite.quant.settings import PtqSettings
    from sr2tflite.registry import parse_settings

    settings = parse_settings(PtqSettings, told, "")
    with watching(as_json) as progress:
        result = command(model, folders, target, settings, progress=progress)
    if as_json:
        return show.as_json(result)
    click.echo(f"{result.path}: {result.summary}, ranges from images: {result.images}")
    return show.next_step(f"sr2tflite export {result.path} --int8 --height 720 --width 1280 -o model.tflite")


@group.command(short_help="Train on the TFLite grid.")
@click.argument("model", type=FILE)
@data("Folder of high-resolution images; may be given more than once.")
@data("Images for the first ranges, if others than --data.", flag="--calibrate", name="calibrate", required=False)
@out(".onnx")
@settings_of("training", "steps=1000")
@json_out
def qat(
    model: Path,
    folders: tuple[Path, ...],
    calibrate: tuple[Path, ...],
    target: Path,
    told: dict[str, Any],
    as_json: bool,
) -> None:
    """Train on the TFLite grid with the device's arithmetic; the same command resumes."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.qat import qat as command
    from sr2tflite.registry import parse_settings
    from sr2tflite.train.settings import QatTrainSettings

    settings = parse_settings(QatTrainSettings, told, "")
    with watching(as_json) as progress:
        result = command(model, folders, target, settings, calibrate=calibrate, progress=progress)
    if as_json:
        return show.as_json(result)
    show.left_out(result.skipped)
    click.echo(f"{result.path}: {result.summary}, {show.fitted(result.fitted)}")
    return show.next_step(f"sr2tflite export {result.path} --int8 --height 720 --width 1280 -o model.tflite")


@group.command(short_help="Write the TFLite file and prove it.")
@click.argument("model", type=FILE)
@click.option("--int8/--float32", "int8", default=True, help="An integer file (the default), or a float one.")
@click.option("--height", type=COUNT, help="Of the input, in pixels.")
@click.option("--width", type=COUNT, help="Of the input, in pixels.")
@click.option("--free-shape", is_flag=True, help="Leave height and width free.")
@click.option(
    "--io",
    type=click.Choice(["int8", "uint8", "float32"]),
    default="int8",
    show_default=True,
    help="Type of input and output: raw pixels − 128, or raw pixels.",
)
@out(".tflite")
@json_out
def export(
    model: Path,
    int8: bool,
    height: int | None,
    width: int | None,
    free_shape: bool,
    io: Any,
    target: Path,
    as_json: bool,
) -> None:
    """Write the TFLite file, read it back, and prove it is the graph."""
    from sr2tflite.cli import show
    from sr2tflite.commands.export import export as command

    result = command(model, target, int8=int8, height=height, width=width, free_shape=free_shape, io=io)
    if as_json:
        return show.as_json(result)
    click.echo(f"{result.path}: {result.size_bytes:,} bytes\n{result.proof.line()}")
    return show.next_step(f"sr2tflite bench {result.path}")


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


@group.command(short_help="Carry a recipe out.")
@click.argument("recipe", type=FILE, metavar="RECIPE.yaml")
@click.option("-o", "--output", "folder", type=FILE, help="The run folder; runs/NAME otherwise.")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Put a value over the recipe's.")
@click.option("--dry-run", is_flag=True, help="Show the resolved recipe and what would be done.")
@json_out
def run(recipe: Path, folder: Path | None, overrides: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Carry a recipe out: student to report; exit status 4 where a gate fails."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.run import plan
    from sr2tflite.commands.run import run as command

    if dry_run:
        show.plan(plan(recipe, folder, overrides), as_json)
        return 0
    with watching(as_json) as progress:
        result = command(recipe, folder, overrides, progress=progress)
    return show.run(result, as_json)


@group.group(short_help="What a recipe may say.")
def recipe() -> None:
    """What a recipe may say."""


@recipe.command()
def schema() -> None:
    """The JSON schema of a recipe, for editors."""
    import json

    from sr2tflite.run.recipe import Recipe

    click.echo(json.dumps(Recipe.model_json_schema(), indent=2, ensure_ascii=False))


@group.command(short_help="Fill a calibration folder.")
@click.argument("folder", type=FILE)
def photographs(folder: Path) -> None:
    """Fill a calibration folder from installed packages, as its MANIFEST.json says."""
    from sr2tflite.data.manifest import fill

    click.echo(f"{folder}: {len(fill(folder))} photographs, each with the hash its manifest gives")
