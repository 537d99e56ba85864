"""The kind *rule*: one thing that must hold of an artifact; one rule is one file, found by its name."""

from dataclasses import dataclass
from typing import Any, ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Place, Severity
from sr2tflite.check.package import Package
from sr2tflite.export.challenges import Role
from sr2tflite.registry import Registry, Settings


@dataclass(frozen=True)
class Checked:
    """What came of a rule."""

    seen: str
    """What was looked at, or why nothing was."""

    findings: tuple[Finding, ...] = ()
    is_left_out: bool = False
    """Nothing was looked at."""


def left_out(why: str) -> Checked:
    """A rule that has nothing to look at."""
    return Checked(why, is_left_out=True)


class Rule(Settings):
    """Settings of a rule; the file, the registered name and the name in a profile are the same word."""

    title: ClassVar[str]
    """What holds where it finds nothing: ``scales are those of the other file``."""

    reads_graph: ClassVar[bool] = True
    """Whether it needs the file as a deploy graph; a file that lies is not read as one."""

    compares: ClassVar[bool] = False
    """Whether it needs another artifact to compare with."""

    source: ClassVar[str | None] = None
    """Who says that it should hold."""

    severity: Severity = "error"
    """Of what it finds."""

    def check(self, case: Case) -> Checked:
        """Look at an artifact.

        Raises:
            Sr2TfliteError: Something that was asked for, as a folder of images, cannot be used.
        """
        raise NotImplementedError

    def finding(self, where: Place, found: str, expected: str | None = None, **more: Any) -> Finding:
        """A finding of this rule's severity and source, unless said otherwise."""
        return Finding(
            **{"severity": self.severity, "source": self.source, **more}, where=where, found=found, expected=expected
        )


class PackageRule(Rule):
    """A rule about the files of a submission together; of a single file there is nothing to say."""

    needs: ClassVar[tuple[Role, ...]] = ()
    """Files without which there is nothing to look at."""

    def check(self, case: Case) -> Checked:
        """Leave a single file out."""
        return left_out(f"it is about a submission's files, and {case.path.name} is one")

    def check_package(self, package: Package) -> Checked:
        """Look at a submission.

        Raises:
            Sr2TfliteError: Something that was asked for, as a folder of images, cannot be used.
        """
        raise NotImplementedError


RULES: Registry[Rule] = Registry("rule", "sr2tflite.check.rules")
