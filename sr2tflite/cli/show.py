"""What a person sees of a result: tables and one closing line, on stdout."""

import json
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sr2tflite.cli.tables import table
from sr2tflite.evaluate.result import EvalResult
from sr2tflite.files import quoted

if TYPE_CHECKING:
    from sr2tflite.commands.challenge import ChallengeResult
    from sr2tflite.commands.export import ExportResult
    from sr2tflite.commands.fuse import FuseResult
    from sr2tflite.commands.run import Planned, RunResult
    from sr2tflite.commands.upscale import UpscaleResult
    from sr2tflite.fuse.certificate import Integers
    from sr2tflite.quant.branches import Branching
    from sr2tflite.quant.islands import Island
    from sr2tflite.run.report import Report
    from sr2tflite.train.loop import Fitted

GATE_FAILED = 4


def plain(value: Any) -> Any:
    """A result as plain data."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if is_dataclass(value) and not isinstance(value, type):
        return {key: plain(getattr(value, key)) for key in asdict(value)}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not isfinite(value):
        return None
    return value


def as_json(result: Any, form: str | None = None) -> None:
    """Print a result for machines.

    Args:
        result: What a command returned.
        form: Name of the JSON's form where the result does not name its own: ``train`` is ``sr2tflite.train/1``.
    """
    content = plain(result)
    if form is not None:
        content = {"schema": f"sr2tflite.{form}/1", **content}
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def counted(things: Sequence[Any], name: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{len(things)} {name}" if len(things) == 1 else f"{len(things)} {name}s"


def next_step(line: str, *, mark: str = "", err: bool = False) -> None:
    """Print what to type next.

    Args:
        line: The command.
        mark: What begins a comment in what was printed before.
        err: Whether stdout holds what no comment goes into.
    """
    click.echo(f"{mark}next: {line}", err=err)


def remarks(messages: Sequence[str]) -> None:
    """Say what was taken for granted."""
    for message in messages:
        click.echo(message, err=True)


def fitted(result: "Fitted") -> str:
    """How a training ended, in half a line."""
    return f"{result.best_psnr:.3f} dB on held-out training images (step {result.best_step} of {result.steps})"


def branches(layers: Sequence["Branching"]) -> None:
    """What became of every activation that could be split, where that was asked for."""
    rows = [
        (one.tensor, f"{one.breakpoint:.1f}", f"{one.gain_db:+.2f}", "two" if one.split else "one") for one in layers
    ]
    if rows:
        table(("activation", "breakpoint", "gain, dB", "branches"), rows)


def islands(layers: Sequence["Island"], gain_db: float | None) -> None:
    """The width of every activation, where islands were asked for."""
    rows = [(one.tensor, _gain(one.gain_db), "int16" if one.is_int16 else "int8", one.why) for one in layers]
    if rows:
        table(("activation", "gain, dB", "type", "why"), rows, numbers=False)
        chosen = counted([one for one in layers if one.is_int16], "activation")
        click.echo(f"int16: {chosen}, together {_gain(gain_db)} dB nearer to float")


def _gain(gain_db: float | None) -> str:
    return "" if gain_db is None else f"{gain_db:+.2f}"


def exported(result: "ExportResult") -> None:
    """A file and its proof."""
    click.echo(f"{result.path}: {result.size_bytes:,} bytes\n{result.line()}")
    next_step(f"sr2tflite bench {quoted(result.path)}")


def submission(result: "ChallengeResult") -> None:
    """A submission's files and their proofs."""
    for file in result.files:
        click.echo(f"{file.path}: {file.size_bytes:,} bytes, {file.kind}\n{file.line()}")
    fixed, free, _ = (file.path.name for file in result.files)
    click.echo(f"{fixed} and {free}: 0 bytes differ on {counted(range(result.images), 'image')}")
    next_step(f"sr2tflite bench {quoted(result.files[0].path)}")


def upscaled(result: "UpscaleResult") -> None:
    """What became of the images; what is wrong with one was said when it was met."""
    for note in result.notes:
        click.echo(f"{result.model}: {note}")
    counts = [f"{counted(range(result.count('made')), 'image')} made"]
    counts += [f"{result.count(one)} {one}" for one in ("stood", "failed") if result.count(one)]
    click.echo(f"{result.target}: {', '.join(counts)}, ×{result.scale}")
    if not result.count("failed"):
        next_step(result.following)


def evaluation(result: EvalResult, *, per_image: bool) -> None:
    """PSNR and SSIM of every artifact, and each against the first."""
    if per_image:
        for row in result.rows:
            images = [[one.image, f"{one.psnr:.4f}", f"{one.ssim:.5f}"] for one in row.images]
            table([f"{row.artifact}, {row.protocol}", "PSNR", "SSIM"], images)
            click.echo()
    protocols = list(dict.fromkeys(row.protocol for row in result.rows))
    rows = []
    for artifact in result.artifacts:
        found = [result.row(artifact.name, protocol).mean for protocol in protocols]
        rows.append([artifact.name, *(f"{one.psnr:.4f} / {one.ssim:.5f}" for one in found)])
    table([f"PSNR / SSIM, {counted(result.images, 'image')}", *protocols], rows)
    if result.differences:
        shares = [one.steps.shares() for one in result.differences]
        rows = [
            [one.artifact, f"{one.psnr:.3f}", *(f"{100 * part:.4f} %" for part in share.values())]
            for one, share in zip(result.differences, shares, strict=True)
        ]
        click.echo()
        table([f"against {result.differences[0].reference}", "PSNR", *(f"{step} LSB" for step in shares[0])], rows)
    for artifact in result.artifacts:
        for note in artifact.notes:
            click.echo(f"{artifact.name}: {note}")


def judged(artifacts: Sequence[Path]) -> str:
    """What to type after some artifacts were judged, of which the last one is the newest."""
    if not artifacts:
        return "sr2tflite train abpn --data DIR -o abpn.safetensors"
    newest = artifacts[-1]
    return f"sr2tflite {'bench' if newest.suffix == '.tflite' else 'inspect'} {quoted(newest)}"


def certificate(result: "FuseResult") -> None:
    """Region by region what was collapsed and how exactly, and what was left."""
    proof = result.certificate
    rows = [
        [
            f"{one.name}: {counted(one.ops, 'op')} → {one.form} {one.kernel[0]}×{one.kernel[1]}",
            f"{one.macs_before:,} → {one.macs_after:,}",
            *(f"{delta:.1e}" for delta in (one.delta.interior, one.delta.border, one.delta.corners)),
        ]
        for one in proof.collapsed
    ]
    table(["collapsed", "MACs a pixel", "max |Δ| inside", "border", "corners"], rows)
    for left in proof.left:
        click.echo(f"left: {left.name}: {left.reason}")
    for check in proof.checks:
        height, width = check.size
        share = check.largest_delta / check.value_range
        click.echo(
            f"whole graph against {check.against}, {check.dtype}, {height}×{width}: max |Δ| {share:.1e} of the range"
        )
    if proof.integers is not None:
        integers(proof.integers)
    click.echo(f"{result.path}: {result.summary}; certificate {result.certificate_path}")


def integers(found: "Integers") -> None:
    """What of a quantized file was kept, each that was not, and how far the runtimes are apart."""
    for change in found.changes:
        click.echo(f"changed: {change}")
    height, width = found.size
    click.echo(f"kept: {found.kept} of {found.total} grids and convolutions, bit for bit")
    click.echo(
        f"LiteRT against onnxruntime, {height}×{width}: at most {counted(range(found.largest_difference), 'step')}, "
        f"{100 * found.differing:.3f} % of the values differ"
    )


def plan(planned: "Planned", machine: bool) -> None:
    """What a run would do."""
    from sr2tflite.run.recipe import resolved

    if machine:
        stages = [{"stage": name, "stands": stands, "files": files} for name, stands, files in planned.stages]
        content = {"folder": planned.folder, "recipe": planned.recipe.model_dump(mode="json"), "stages": stages}
        as_json(content, "plan")
        return
    click.echo(resolved(planned.recipe))
    for name, stands, files in planned.stages:
        what = f"{planned.folder}/{', '.join(files)}" if files else "figures"
        click.echo(f"{'stands' if stands else 'to do '}  {name}: {what}")


def run(result: "RunResult", machine: bool) -> int:
    """What came of a recipe; returns the exit status."""
    status = 0 if result.passed else GATE_FAILED
    if machine:
        as_json(result, "run")
        return status
    quality = result.report.stages["evaluate"]
    psnrs = ["inf" if row["psnr"] is None else f"{row['psnr']:.4f}" for row in quality["rows"]]
    rows = [
        [row["artifact"], row["protocol"], psnr, f"{row['ssim']:.5f}"]
        for row, psnr in zip(quality["rows"], psnrs, strict=True)
    ]
    table([counted(quality["images"], "image"), "protocol", "PSNR", "SSIM"], rows)
    for one in result.report.stages["export"]["files"]:
        click.echo(f"{one['file']}: {one['proof']}")
    if "bench" in result.report.stages:
        click.echo(result.report.stages["bench"]["summary"].replace("`", ""))
    for finding in result.report.findings:
        measured = "not measured" if finding.measured is None else f"{finding.measured:.4f}"
        click.echo(f"gate {finding.gate}: {measured}, at most {finding.bound}: {'holds' if finding.holds else 'FAILS'}")
    if result.skipped:
        click.echo(f"stood already: {', '.join(result.skipped)}")
    click.echo(f"report: {result.folder / 'report.html'}")
    next_step(f"sr2tflite report {quoted(result.folder)} --verify")
    return status


def report(result: "Report", folder: Path, written: Sequence[Path]) -> None:
    """What was written, what it lacks, and what to type next."""
    for path in written:
        click.echo(f"{path}: {path.stat().st_size:,} bytes")
    for one in result.missing:
        click.echo(f"lacks {one.part}: {one.reason}; in {folder}: {one.command}")
    remarks([f"not used: {note}" for note in result.notes])
    run = quoted(folder)
    if result.lacks("findings"):
        next_step(f"sr2tflite report {run} --verify")
    elif result.lacks("budget") and result.recipe:
        next_step(f"sr2tflite report {run} --budget 5")
    else:
        next_step(f"sr2tflite package {run} --profile mai2026 -o submission.zip")
