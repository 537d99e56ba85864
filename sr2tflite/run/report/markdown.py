"""``report.md``: the report for people who read text, and for pull requests."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from sr2tflite.run.artifacts import CHART
from sr2tflite.run.report import Report
from sr2tflite.run.report.charts import costs, panels
from sr2tflite.run.report.numbers import scientific, short_hash, size
from sr2tflite.run.report.told.findings import Checked

COSTLIEST = 5
"""Rows of the budget that the page spells out; the picture has the others."""

MOST_OPS = 40
"""Ops that are listed; report.json has all."""


def markdown(report: Report, folder: Path, target: Path) -> str:
    """The page as Markdown.

    Args:
        report: What it says.
        folder: Where its pictures lie.
        target: Where it will be written, which links to pictures start from.
    """
    parts = [
        _verdict(report),
        *_quality(report),
        *_files(report),
        *_graph(report),
        *_budget(report, folder, target),
        *_latency(report),
        *_certificate(report),
        *_findings(report),
        *_missing(report),
        *_pictures(report, folder, target),
    ]
    return "\n\n".join([f"# {_text(report.name)}", *parts]) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _text(words: str) -> str:
    """Words that are nothing but words: no markup of Markdown's, no HTML, no new line."""
    for sign in "\\`*[]|":
        words = words.replace(sign, f"\\{sign}")
    return " ".join(words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())


def _code(words: str) -> str:
    return f"`{' '.join(words.replace('`', 'ʼ').replace('|', '¦').split())}`"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _verdict(report: Report) -> str:
    if not report.findings:
        return "No gate is set."
    verdicts = {True: "holds", False: "**fails**"}
    rows = [(_text(f.gate), _number(f.bound), _number(f.measured), verdicts[f.holds]) for f in report.findings]
    return "## Gates\n\n" + table(("gate", "bound", "measured", ""), rows)


def _quality(report: Report) -> list[str]:
    quality = report.evaluation
    if quality is None:
        return []
    rows = [(_text(r.artifact), _text(r.protocol), _number(r.psnr), _number(r.ssim)) for r in quality.rows]
    parts = [
        "## Quality",
        f"Images: {', '.join(map(_text, quality.images))}",
        table(("artifact", "protocol", "PSNR, dB", "SSIM"), rows),
    ]
    if quality.differences:
        first = quality.differences[0]
        labels = [f"{_text(step)} LSB" for step in first.steps]
        apart = [
            (_text(one.artifact), _number(one.psnr), *(f"{100 * share:.3f} %" for share in one.steps.values()))
            for one in quality.differences
        ]
        parts += [f"Against {_code(first.reference)}:", table(("artifact", "PSNR, dB", *labels), apart)]
    return parts


def _files(report: Report) -> list[str]:
    if not report.artifacts:
        return []
    rows = [
        (
            _code(one.file),
            _text(one.stage),
            ", ".join(map(_code, one.made_from)),
            size(one.size_bytes),
            f"{_code(short_hash(one.sha256))}{' **changed since the run**' if one.is_changed else ''}",
        )
        for one in report.artifacts
    ]
    proofs = [
        f"- {_code(one.file)} ({one.size_bytes:,} bytes): {_text(one.proof)}" for one in report.artifacts if one.proof
    ]
    head = ("file", "made by", "from", "size", "SHA-256")
    return ["## What was made from what", table(head, rows), *(["\n".join(proofs)] if proofs else [])]


def _graph(report: Report) -> list[str]:
    if report.drawing is None:
        return []
    rows = [
        (
            op.kind,
            _text(op.detail),
            _code(grid.name),
            "–" if grid.scale is None else f"{grid.scale:.9g}",
            str(grid.zero_point),
        )
        for op in report.drawing.ops[:MOST_OPS]
        for grid in op.writes
    ]
    left = len(report.drawing.ops) - MOST_OPS
    more = [f"{left} more ops are in report.json."] if left > 0 else []
    title = f"{_code(report.drawing.file)}: {_text(report.drawing.summary)}"
    return ["## Graph", title, table(("op", "", "writes", "scale", "zero point"), rows), *more]


def _budget(report: Report, folder: Path, target: Path) -> list[str]:
    if report.budget is None:
        return []
    rows = [(_text(f"{one.name}, {one.kind}"), one.against_float, one.against_hr) for one in costs(report.budget)]
    chart = [_picture("every tensor", folder / CHART, target)] if (folder / CHART).is_file() else []
    return [
        "## What quantization costs",
        "dB gained when one tensor alone is left unquantized, the most expensive first:",
        table(
            ("tensor", "against float", f"against HR, {_text(report.budget.protocol or 'not measured')}"),
            rows[:COSTLIEST],
        ),
        *chart,
    ]


def _latency(report: Report) -> list[str]:
    parts = []
    for panel in panels(report.benches):
        rows = [(_text(one.name), one.center, one.spread, _text(one.verdict)) for one in panel.files]
        lines = [_text(line) for line in (*panel.ratios, *panel.notes)]
        parts += [f"### {_text(panel.title)}", table(("file", "median", "", ""), rows), *lines]
    return ["## Latency", *parts] if parts else []


def _certificate(report: Report) -> list[str]:
    proof = report.certificate
    if proof is None:
        return []
    rows = [
        (
            _code(one.name),
            f"{len(one.ops)} → {_text(one.form)}",
            f"{one.macs_before:,} → {one.macs_after:,}",
            scientific(one.delta.largest),
        )
        for one in proof.collapsed
    ]
    checks = [
        f"- {'holds' if one.passed else '**fails**'}: whole graph against {_text(one.against)}, {_text(one.dtype)},"
        f" {one.size[0]}×{one.size[1]}: largest difference {scientific(one.largest_delta)}"
        for one in proof.checks
    ]
    left = [f"- left apart: {_code(one.name)}: {_text(one.reason)}" for one in proof.left]
    head = ("region", "ops", "MACs a pixel", "largest difference")
    return [
        "## Certificate of the fusion",
        table(head, rows),
        *(["\n".join([*checks, *left])] if checks or left else []),
    ]


def _findings(report: Report) -> list[str]:
    parts = []
    for one in report.checks:
        parts += [f"### {_text(one.profile)}: {_code(one.file)}", _text(one.words), _rules(one)]
    notes = [f"- not used: {_text(note)}" for note in report.notes]
    parts += ["\n".join(notes)] if notes else []
    return ["## Findings", *parts] if parts else []


def _rules(checked: Checked) -> str:
    lines = []
    for rule in checked.rules:
        lines.append(f"- {_text(rule.status)}: {_text(rule.title)}" + (f" ({_text(rule.seen)})" if rule.seen else ""))
        for finding in rule.findings:
            expected = f"; expected {_text(finding.expected)}" if finding.expected else ""
            lines.append(f"  - {_text(finding.severity)}: {_text(finding.place)}: {_text(finding.found)}{expected}")
    return "\n".join(lines)


def _missing(report: Report) -> list[str]:
    if not report.missing:
        return []
    rows = [(one.part, _text(one.reason), _code(one.command)) for one in report.missing]
    return ["## Not here", "Each command is typed in the run folder.", table(("part", "", "makes it"), rows)]


def _pictures(report: Report, folder: Path, target: Path) -> list[str]:
    parts = []
    for crop in report.crops:
        parts += [_text(crop.image), _picture(crop.image, folder / crop.file, target)]
    return ["## Crops", *parts] if parts else []


def _picture(words: str, file: Path, target: Path) -> str:
    link = os.path.relpath(file.resolve(), target.resolve().parent)
    return f"![{_text(words)}]({quote(link)})"
