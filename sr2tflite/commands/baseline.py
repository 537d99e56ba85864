"""What a file was, and whether the one in its place is worse: quality on the same images, latency side by side."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory

from sr2tflite.bench.judged import Ratio
from sr2tflite.bench.plan import Plan
from sr2tflite.bench.ratio import CONFIDENCE
from sr2tflite.check.contents import file_in
from sr2tflite.check.engine import Report, RuleResult
from sr2tflite.check.finding import Finding, Place
from sr2tflite.check.gate import Gate
from sr2tflite.check.rules import Checked, left_out
from sr2tflite.commands.bench import bench
from sr2tflite.errors import InputError
from sr2tflite.evaluate.compare import compare
from sr2tflite.evaluate.image_set import image_set
from sr2tflite.evaluate.protocols import Score, protocol_named
from sr2tflite.evaluate.runners import runner_of
from sr2tflite.export.challenges import FIXED, FOLDER, PROTOCOL
from sr2tflite.files import quoted, read_bytes, sha256, write_text
from sr2tflite.progress import Progress, silent

SCHEMA = "sr2tflite.baseline/1"

ROUNDS = 11
"""Of the timing: the fewest whose interval holds the ratio with 99.9 %."""


@dataclass(frozen=True)
class Baseline:
    """A file as it was."""

    model: Path
    """The file or submission; in JSON, seen from where the JSON lies."""

    sha256: str
    """Of the file that is timed."""

    size_bytes: int
    quality: Score | None
    """None where there were no images."""


@dataclass(frozen=True)
class Bounds:
    """How much worse a file may be; None where it is not asked."""

    max_drop: float | None = None
    """Of the PSNR, in dB."""

    max_slowdown: float | None = None
    """Of the latency: 0.03 allows 1.03 times as long."""

    data: tuple[Path, ...] = ()
    """High-resolution images, those that the baseline was measured on."""

    limit: int | None = None
    plan: Plan = field(default_factory=lambda: Plan(rounds=ROUNDS))


def measured(target: Path, data: Sequence[Path], limit: int | None, *, progress: Progress = silent) -> Baseline:
    """A file's hash, size and quality.

    Args:
        target: A ``.tflite``, or a submission, of which the fixed file is timed and the free one judged.
        data: High-resolution images; none leaves quality out.
        limit: At most so many of each folder.
        progress: Told how it goes.

    Raises:
        InputError: The target or an image cannot be read.
    """
    timed = _timed_bytes(target)
    return Baseline(target, sha256(timed), len(timed), _quality(target, data, limit, progress) if data else None)


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write what later files are compared with.

    Raises:
        StorageError: The place may not be written.
    """
    inside = os.path.relpath(baseline.model.resolve(), path.resolve().parent)
    quality = None if baseline.quality is None else asdict(baseline.quality)
    content = {"schema": SCHEMA, **asdict(baseline), "model": inside, "quality": quality}
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_baseline(path: Path) -> Baseline:
    """Read what :func:`write_baseline` wrote.

    Raises:
        InputError: It is none.
    """
    try:
        content = json.loads(read_bytes(path))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}")
        quality = None if content["quality"] is None else Score(**content["quality"])
        if quality is not None and not (isfinite(quality.psnr) and isfinite(quality.ssim)):
            raise ValueError("a PSNR that is none")
        model, digest, size = Path(content["model"]), str(content["sha256"]), int(content["size_bytes"])
    except (ValueError, KeyError, TypeError) as error:
        hint = f"sr2tflite check MODEL --profile integrity --data DIR --write-baseline {quoted(path)}"
        raise InputError("is no baseline", where=str(path), hint=hint) from error
    return Baseline(path.parent / model, digest, size, quality)


def judged(target: Path, baseline: Baseline, where: Path, bounds: Bounds, *, progress: Progress = silent) -> Report:
    """Compare a file with what stood in its place.

    Quality is compared where protocol and images are the same. Both files are timed here, in turns: what one machine
    measured yesterday says nothing of another today. A file is slower where the whole interval of the ratio is beyond
    the bound; where the interval only touches it, that is a warning.

    Args:
        target: The file or submission.
        baseline: What :func:`read_baseline` gave.
        where: The baseline's own file, for messages.
        bounds: How much worse it may be.
        progress: Told how it goes.

    Raises:
        InputError: The target, an image or the baseline's file cannot be read, or the images are others.
        DeviceError: A timed process died.
    """
    data = bounds.data if bounds.max_drop is not None else ()
    now = measured(target, data, bounds.limit, progress=progress)
    quality, latency = _drop(now, baseline, bounds, where), _slowdown(now, baseline, bounds, where, progress)
    rules = (
        RuleResult("quality", "quality has not dropped", True, quality),
        RuleResult("latency", "it is not slower", True, latency),
        RuleResult("size", "the file that is timed", True, _size(now, baseline)),
    )
    following = _following(baseline.model, target, is_slower=bool(latency.findings))
    return Report("baseline", target, now.sha256, where, None, following, rules)


def _following(before: Path, target: Path, *, is_slower: bool) -> str:
    """What shows where the two part; what lies in an archive cannot be typed as a file."""
    files = [one / FIXED if one.is_dir() and not (one / FOLDER).exists() else one for one in (before, target)]
    files = [one / FOLDER / FIXED if one.is_dir() else one for one in files]
    if any(one.suffix != ".tflite" for one in files):
        return "sr2tflite package RUN --profile mai2026 -o submission.zip"
    old, new = map(quoted, files)
    return f"sr2tflite bench {old} {new} --ops" if is_slower else f"sr2tflite diff {old} {new}"


def with_baseline(gate: Gate, path: Path, bounds: Bounds, *, progress: Progress = silent) -> Gate:
    """A gate that also asks whether the file is worse than it was; see :func:`judged`."""
    return gate.and_report(judged(gate.target, read_baseline(path), path, bounds, progress=progress))


def _timed_bytes(target: Path) -> bytes:
    """The file that goes to the device: the target itself, or a submission's fixed file."""
    return file_in(target, "fixed")[1]


def _quality(target: Path, data: Sequence[Path], limit: int | None, progress: Progress) -> Score:
    path, content = file_in(target, "free")
    runner = runner_of(path, "tflite", content, 2)
    images = image_set(data, runner.scale, limit)
    return compare([runner], images, [protocol_named(PROTOCOL)], progress).row(runner.name, PROTOCOL).mean


def _drop(now: Baseline, before: Baseline, bounds: Bounds, where: Path) -> Checked:
    if bounds.max_drop is None:
        return left_out("no --max-drop")
    if now.quality is None or before.quality is None:
        missing = "no images: give --data DIR" if now.quality is None else f"{where} holds no quality"
        hint = f"sr2tflite check MODEL --profile integrity --data DIR --write-baseline {quoted(where)}"
        return Checked(missing, (Finding("error", Place(), missing, "a quality on both sides", hint=hint),))
    drop, ssim = now.quality.drop_from(before.quality)
    said = f"{now.quality.psnr:.4f} dB, before {before.quality.psnr:.4f} dB; SSIM {-ssim:+.5f}"
    if drop <= bounds.max_drop:
        return Checked(said)
    found = f"{drop:.4f} dB below the baseline"
    return Checked(said, (Finding("error", Place(), found, f"at most {bounds.max_drop:g} dB"),))


def _slowdown(now: Baseline, before: Baseline, bounds: Bounds, where: Path, progress: Progress) -> Checked:
    if bounds.max_slowdown is None:
        return left_out("no --max-slowdown")
    if now.sha256 == before.sha256:
        return Checked("the same bytes as before")
    try:
        old = _timed_bytes(before.model)
    except InputError as error:
        hint = "check the baseline's file in beside its JSON, so that both are timed on one machine"
        found = Finding("error", Place(), f"{before.model}: {error.message}", "the baseline's file", hint=hint)
        return Checked("not measured", (found,))
    if sha256(old) != before.sha256:
        expected = f"{before.sha256[:12]}…, as {where} says"
        return Checked("not measured", (Finding("error", Place(), f"{before.model} is {sha256(old)[:12]}…", expected),))
    ratio = _timed(old, _timed_bytes(now.model), bounds.plan, progress)
    most, said = 1 + bounds.max_slowdown, f"{ratio.ratio:.3f} times as long as before ({ratio.interval})"
    if ratio.low > most or (ratio.ratio > most and ratio.confidence < CONFIDENCE):
        return Checked(said, (Finding("error", Place(), said, f"at most {most:g} times"),))
    if ratio.high > most and ratio.ratio > most:
        note = Finding("warning", Place(), f"{said}: it may be slower, and may not", f"at most {most:g} times")
        return Checked(said, (note,))
    return Checked(said)


def _timed(old: bytes, new: bytes, plan: Plan, progress: Progress) -> Ratio:
    with TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("before.tflite", "now.tflite")]
        for path, data in zip(paths, (old, new), strict=True):
            path.write_bytes(data)
        (result,) = bench(paths, plan, progress=progress).results
    return result.ratios[0]


def _size(now: Baseline, before: Baseline) -> Checked:
    return Checked(f"{now.size_bytes:,} bytes, before {before.size_bytes:,}")
