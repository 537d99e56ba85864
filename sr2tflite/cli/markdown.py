"""A gate as Markdown, for a pull request's page."""

from sr2tflite.check.engine import Report
from sr2tflite.check.finding import Finding
from sr2tflite.check.gate import Gate
from sr2tflite.cli.findings import MARKS, MOST


def gate(found: Gate) -> str:
    """Profile by profile a table of the rules and what they found."""
    parts = [f"## {'✓' if found.passed else '✗'} `{found.target}`"]
    for report in found.reports:
        parts += [f"### {report.profile}", _sentence(report), _rules(report), *_findings(report)]
    return "\n\n".join([*parts, f"Next: `{found.following}`"])


def _sentence(report: Report) -> str:
    images = f", run on {report.images}" if report.images else ""
    return f"`{report.file}` {report.judgment()}{images}."


def _rules(report: Report) -> str:
    rows = [f"| {MARKS[rule.status]} | {_cell(rule.title)} | {_cell(rule.checked.seen)} |" for rule in report.rules]
    return "\n".join(["| | rule | looked at |", "|---|---|---|", *rows])


def _findings(report: Report) -> list[str]:
    lines = []
    for rule in report.rules:
        found = rule.checked.findings
        lines += [_finding(rule.rule, one) for one in found[:MOST]]
        if len(found) > MOST:
            lines.append(f"- and {len(found) - MOST} more of `{rule.rule}`")
    return ["\n".join(lines)] if lines else []


def _finding(rule: str, one: Finding) -> str:
    expected = "" if one.expected is None else f"; expected {_cell(one.expected)}"
    hint = "" if one.hint is None else f"<br>{_cell(one.hint)}"
    return f"- **{one.severity}** `{rule}`: {_cell(str(one.where))}: {_cell(one.found)}{expected}{hint}"


def _cell(text: str) -> str:
    """Words as they are, on one line, whatever a file's names hold."""
    plain = " ".join(text.split())
    for sign in "\\`|<>*_[]":
        plain = plain.replace(sign, f"\\{sign}")
    return plain
