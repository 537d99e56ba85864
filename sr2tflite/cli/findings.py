"""What a person sees of rules and their findings: a table, what is wrong, and a verdict."""

from typing import TYPE_CHECKING

import click

from sr2tflite.check.engine import Report, RuleResult, Status
from sr2tflite.cli.show import next_step
from sr2tflite.cli.tables import table
from sr2tflite.errors import VerificationError

if TYPE_CHECKING:
    from sr2tflite.check.gate import Gate

MARKS: dict[Status, str] = {"holds": "✓", "noted": "·", "warned": "!", "fails": "✗", "left out": "–"}

MOST = 5
"""Findings of one rule that are shown; JSON has them all."""


def status(report: Report) -> int:
    """The exit status."""
    return 0 if report.passed else VerificationError.exit_status


def verdict(report: Report) -> None:
    """The rules, what they found, one sentence, and what to type next."""
    asked(report, report.following)
    click.echo(report.verdict())
    next_step(report.following)


def gate(found: "Gate", made: str | None = None) -> None:
    """Profile by profile the same, one sentence each, and what to type next; before that, what was made."""
    for report in found.reports:
        asked(report, found.following)
    if made is not None:
        click.echo(made)
    for report in found.reports:
        click.echo(f"{found.target} {report.judgment()}")
    next_step(found.following)


def asked(report: Report, following: str) -> None:
    """The rules of a profile and what they found."""
    rows = [[f"{MARKS[rule.status]} {rule.title}", rule.checked.seen] for rule in report.rules]
    title = f"{report.profile}: {report.file}" + (f", run on {report.images}" if report.images else "")
    table(["rule", "looked at"], rows, title=title, numbers=False)
    for rule in report.rules:
        _findings(rule, following)


def _findings(rule: RuleResult, following: str) -> None:
    """The first few findings of a rule; what holds for all of them is said once."""
    found = rule.checked.findings
    for finding in found[:MOST]:
        expected = "" if finding.expected is None else f"; expected {finding.expected}"
        click.echo(f"{finding.severity}: {rule.rule}: {finding.where}: {finding.found}{expected}")
        if finding.error_map_file is not None:
            click.echo(f"  map: {finding.error_map_file}")
    if len(found) > MOST:
        click.echo(f"{found[0].severity}: {rule.rule}: and {len(found) - MOST} more (--json lists them)")
    # the verdict ends with what to type next, which is not said twice
    for hint in dict.fromkeys(one.hint for one in found if one.hint and following not in one.hint):
        click.echo(f"  hint: {hint}")
    for source in dict.fromkeys(one.source for one in found if one.source):
        click.echo(f"  source: {source}")
