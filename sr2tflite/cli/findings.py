"""What a person sees of rules and their findings: a table, what is wrong, and a verdict."""

import click

from sr2tflite.check.engine import Report, RuleResult, Status
from sr2tflite.check.finding import Finding
from sr2tflite.cli.show import next_step
from sr2tflite.errors import VerificationError

MARKS: dict[Status, str] = {"holds": "✓", "noted": "·", "warned": "!", "fails": "✗", "left out": "–"}

MOST = 5
"""Findings of one rule that are shown; JSON has them all."""


def status(report: Report) -> int:
    """The exit status."""
    return 0 if report.passed else VerificationError.exit_status


def verdict(report: Report) -> None:
    """The rules, what they found, one sentence, and what to type next."""
    rows = [[f"{MARKS[rule.status]} {rule.title}", rule.checked.seen] for rule in report.rules]
    _rules(f"{report.file}, run on {report.images}" if report.images else str(report.file), rows)
    for rule in report.rules:
        _findings(rule)
    click.echo(report.verdict())
    next_step(report.following)


def _rules(title: str, rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    grid = Table("rule", "looked at", title=title, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        grid.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    console.print(grid)


def _findings(rule: RuleResult) -> None:
    found = rule.checked.findings
    for finding in found[:MOST]:
        click.echo("\n".join(lines(rule.rule, finding)))
    if len(found) > MOST:
        click.echo(f"{found[0].severity}: {rule.rule}: and {len(found) - MOST} more (--json lists them)")


def lines(rule: str, finding: Finding) -> list[str]:
    """A finding as a person reads it."""
    expected = "" if finding.expected is None else f"; expected {finding.expected}"
    shown = [f"{finding.severity}: {rule}: {finding.where}: {finding.found}{expected}"]
    details = {"map": finding.error_map_file, "hint": finding.hint, "source": finding.source}
    return shown + [f"  {what}: {value}" for what, value in details.items() if value is not None]
