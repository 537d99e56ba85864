"""The verbs that make something, from a student to the file."""

from pathlib import Path
from typing import Any

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import (
    COUNT,
    FILE,
    IMAGES,
    data,
    devices,
    ending,
    file_kind,
    json_out,
    only_for_challenge,
    out,
    settings_of,
    start,
    student,
    teacher,
    weights,
)
from sr2tflite.export.kinds import BACKENDS
from sr2tflite.files import quoted


@group.command(short_help="Train a float student.")
@click.argument("name", metavar="STUDENT")
@data(IMAGES)
@out(".safetensors")
@student
@teacher
@start
@devices
@settings_of("training", "steps=5000")
@json_out
def train(
    name: str,
    folders: tuple[Path, ...],
    target: Path,
    fields: dict[str, Any],
    teacher: Path | None,
    start: Path | None,
    devices: Any,
    told: dict[str, Any],
    as_json: bool,
) -> None:
    """Train a float student, from fresh weights or a checkpoint's; the same command resumes."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.train import train as command
    from sr2tflite.registry import parse_settings
    from sr2tflite.train.settings import TrainSettings

    files = {key: path for key, path in (("teacher", teacher), ("start", start)) if path}
    settings = parse_settings(TrainSettings, {**told, **files}, "")
    with watching(as_json) as progress:
        result = command({"name": name, **fields}, folders, target, settings, devices=devices, progress=progress)
    if as_json:
        return show.as_json(result, "train")
    click.echo(f"{result.path}: {show.fitted(result.fitted)}")
    return show.next_step(f"sr2tflite fuse {quoted(result.path)} -o deploy.onnx")


@group.command(short_help="Take batch-normalization statistics anew.")
@click.argument("source", metavar="STUDENT|CHECKPOINT")
@data(IMAGES)
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
        return show.as_json(result, "recalibrate")
    click.echo(f"{result.path}: {result.layers} batch normalizations recalibrated on {batches} batches")
    return show.next_step(f"sr2tflite fuse {quoted(result.path)} -o deploy.onnx")


@group.command(short_help="Fuse a network into a deploy graph.")
@click.argument("source", metavar="STUDENT|CHECKPOINT|MODEL.onnx|PACKAGE.MODULE:CLASS")
@out(".onnx")
@click.option("--student", "name", default=None, help="The student that a bare state dict (.pt, .pth) belongs to.")
@student
@click.option(
    "--peak",
    type=click.Choice(["1", "255"]),
    default=None,
    help="What white is, for MODEL.onnx, PACKAGE.MODULE:CLASS or a bare state dict.",
)
@json_out
def fuse(source: str, target: Path, name: str | None, fields: dict[str, Any], peak: str | None, as_json: bool) -> None:
    """Fuse any module, or any converter's ONNX, into a deploy graph, with a certificate."""
    from sr2tflite.cli import show
    from sr2tflite.commands.fuse import fuse as command

    told = {"name": name, **fields} if name else fields or None
    result = command(source, target, student=told, peak=None if peak is None else int(peak))
    if as_json:
        return show.as_json(result, "fuse")
    show.remarks(result.remarks)
    show.certificate(result)
    if result.certificate.integers is not None:
        return show.next_step(f"sr2tflite export {quoted(target)} --int8 --height 720 --width 1280 -o model.tflite")
    return show.next_step(f"sr2tflite ptq {quoted(target)} --calibrate DIR -o ptq.onnx")


@group.command(short_help="Quantize without training.")
@click.argument("model", type=FILE)
@data(IMAGES, flag="--calibrate")
@out(".onnx")
@weights
@settings_of("calibration", "method=minmax")
@json_out
def ptq(
    model: Path,
    folders: tuple[Path, ...],
    target: Path,
    weights: str | None,
    told: dict[str, Any],
    as_json: bool,
) -> None:
    """Quantize a float deploy graph by looking at images, without training."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.ptq import ptq as command
    from sr2tflite.quant.settings import PtqSettings
    from sr2tflite.registry import parse_settings
    from sr2tflite.run.overrides import assign

    if weights:
        assign(told, f"weights={weights}")
    settings = parse_settings(PtqSettings, told, "")
    with watching(as_json) as progress:
        result = command(model, folders, target, settings, progress=progress)
    if as_json:
        return show.as_json(result, "ptq")
    click.echo(f"{result.path}: {result.summary}, ranges from images: {result.images}")
    show.branches(result.layers)
    show.islands(result.islands, result.islands_gain_db)
    return show.next_step(f"sr2tflite export {quoted(result.path)} --int8 --height 720 --width 1280 -o model.tflite")


@group.command(short_help="Train on the TFLite grid.")
@click.argument("model", type=FILE)
@data(IMAGES)
@data("Images for the first ranges, if others than --data.", flag="--calibrate", name="calibrate", required=False)
@out(".onnx")
@weights
@teacher
@devices
@settings_of("training", "steps=1000")
@json_out
def qat(
    model: Path,
    folders: tuple[Path, ...],
    calibrate: tuple[Path, ...],
    target: Path,
    weights: str | None,
    teacher: Path | None,
    devices: Any,
    told: dict[str, Any],
    as_json: bool,
) -> None:
    """Train on the TFLite grid with the device's arithmetic; the same command resumes."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.qat import qat as command
    from sr2tflite.registry import parse_settings
    from sr2tflite.run.overrides import assign
    from sr2tflite.train.settings import QatTrainSettings

    if weights:
        assign(told, f"ptq.weights={weights}")
    settings = parse_settings(QatTrainSettings, {**told, **({"teacher": teacher} if teacher else {})}, "")
    with watching(as_json) as progress:
        result = command(model, folders, target, settings, calibrate=calibrate, devices=devices, progress=progress)
    if as_json:
        return show.as_json(result, "qat")
    click.echo(f"{result.path}: {result.summary}, {show.fitted(result.fitted)}")
    return show.next_step(f"sr2tflite export {quoted(result.path)} --int8 --height 720 --width 1280 -o model.tflite")


@group.command(short_help="Write the TFLite file and prove it.")
@click.argument("model", type=FILE)
@file_kind
@click.option("--height", type=COUNT, help="Of the input, in pixels.")
@click.option("--width", type=COUNT, help="Of the input, in pixels.")
@click.option("--free-shape", is_flag=True, help="Leave height and width free.")
@click.option(
    "--io",
    type=click.Choice(["int8", "uint8", "float32"]),
    help="Type of input and output: raw pixels − 128 (int8, the default), or raw pixels.",
)
@click.option(
    "--challenge", metavar="NAME", help="The three files of a submission, into a folder: mai2026, mai2022, mai2021."
)
@click.option(
    "--backend", type=click.Choice(BACKENDS), help="What writes the file; direct where it can, unless said otherwise."
)
@click.option(
    "--cross-check/--no-cross-check",
    default=None,
    help="Demand the same bytes from the other backend's file; by default, where the extra onnx2tf is installed.",
)
@click.option("-o", "--output", "target", required=True, metavar="FILE.tflite|FOLDER", type=FILE, help="What to write.")
@json_out
def export(model: Path, target: Path, challenge: str | None, as_json: bool, **told: Any) -> None:
    """Write the TFLite file, read it back, and prove it is the graph."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.challenge import challenge as submission
    from sr2tflite.commands.export import export as command

    given = {name: value for name, value in told.items() if value is not None}
    ending(target, None if challenge else ".tflite")
    with watching(as_json) as progress:
        if challenge:
            files = submission(model, target, challenge, **only_for_challenge(given), progress=progress)
            return show.as_json(files, "export.challenge") if as_json else show.submission(files)
        result = command(model, target, **{"cross_check": None, **given}, progress=progress)
    return show.as_json(result, "export") if as_json else show.exported(result)
