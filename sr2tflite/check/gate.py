"""A gate: several profiles asked of one thing, and whether it may pass."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2tflite.check.engine import Report

SCHEMA = "sr2tflite.gate/1"
"""Of the JSON; the number rises where a reader of the old form would misunderstand the new one."""


@dataclass(frozen=True)
class Gate:
    """What became of every profile."""

    target: Path
    reports: tuple[Report, ...]
    """One a profile, in the order in which they were asked."""

    following: str
    """What to type next."""

    @property
    def passed(self) -> bool:
        return all(report.passed for report in self.reports)

    def and_report(self, report: Report) -> "Gate":
        """With one more; where it fails first, it says what to type next."""
        following = report.following if self.passed and not report.passed else self.following
        return Gate(self.target, (*self.reports, report), following)

    def verdict(self) -> str:
        """The answer in one sentence a profile."""
        return "; ".join(f"{self.target} {report.judgment()}" for report in self.reports)

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``schema`` names its form."""
        return {
            "schema": SCHEMA,
            "target": str(self.target),
            "passed": self.passed,
            "verdict": self.verdict(),
            "next": self.following,
            "profiles": [{**report.to_json(), "verdict": report.judgment()} for report in self.reports],
        }
