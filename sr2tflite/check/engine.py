"""The rule engine: asks an artifact every rule of a profile, in order."""

from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, Literal

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding
from sr2tflite.check.package import INTEGERS, Package
from sr2tflite.check.profile import Profile
from sr2tflite.check.rewrites import REWRITES
from sr2tflite.check.rules import RULES, Checked, PackageRule, Rule, left_out
from sr2tflite.check.rules._unit import UnitRule
from sr2tflite.export.challenges import FIXED, NAMES
from sr2tflite.files import quoted

SCHEMA = "sr2tflite.check/1"
"""Of the JSON; the number rises where a reader of the old form would misunderstand the new one."""

Status = Literal["holds", "noted", "warned", "fails", "left out"]


@dataclass(frozen=True)
class RuleResult:
    """One rule, asked."""

    rule: str
    title: str
    compares: bool
    """Whether it asks about another artifact."""

    checked: Checked

    @property
    def status(self) -> Status:
        """What its gravest finding makes of it."""
        found = {finding.severity for finding in self.checked.findings}
        if "error" in found:
            return "fails"
        if self.checked.is_left_out:
            return "left out"
        return "warned" if "warning" in found else "noted" if found else "holds"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        findings = [finding.to_json() for finding in self.checked.findings]
        return {
            "rule": self.rule,
            "title": self.title,
            "status": self.status,
            "seen": self.checked.seen,
            "findings": findings,
        }


@dataclass(frozen=True)
class Report:
    """A profile, asked of a file."""

    profile: str
    file: Path
    sha256: str
    against: Path | None
    images: str | None
    """What it was run on, in words; None where it was not run."""

    following: str
    """What to type next."""

    rules: tuple[RuleResult, ...]

    @property
    def passed(self) -> bool:
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Every finding that says no, in the order of the rules."""
        return tuple(one for rule in self.rules for one in rule.checked.findings if one.severity == "error")

    def verdict(self) -> str:
        """The answer in one sentence."""
        asked = [rule for rule in self.rules if rule.status != "left out"]
        failed = [rule for rule in asked if rule.status == "fails"]
        if failed:
            first = min(self.errors, key=lambda one: inf if one.where.op is None else one.where.op)
            names = ", ".join(rule.rule for rule in failed)
            differs = any(rule.compares for rule in failed)
            what = f"{self.file} is NOT what {self.against} says" if differs else f"{self.file} is not sound"
            return f"{what}: {len(failed)} of {len(asked)} rules fail ({names}), first at {first.where}"
        warned = sum(rule.status == "warned" for rule in asked)
        what = "is sound in itself" if self.against is None else f"is what {self.against} says"
        said = f"{len(asked) - warned} rules hold" + (f", {warned} hold with a warning" if warned else "")
        return f"{self.file} {what}: {said}, {len(self.rules) - len(asked)} left out"

    def judgment(self) -> str:
        """Whether it passes the profile, in half a sentence."""
        asked = [rule for rule in self.rules if rule.status != "left out"]
        counts = {status: [one.rule for one in self.rules if one.status == status] for status in ("fails", "warned")}
        rest = f"{len(self.rules) - len(asked)} left out"
        if counts["fails"]:
            return f"FAILS {self.profile}: {len(counts['fails'])} of {len(asked)} rules ({', '.join(counts['fails'])})"
        warned = f", {len(counts['warned'])} warn ({', '.join(counts['warned'])})" if counts["warned"] else ""
        return f"passes {self.profile}: {len(asked) - len(counts['warned'])} rules hold{warned}, {rest}"

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``schema`` names its form."""
        return {
            "schema": SCHEMA,
            "profile": self.profile,
            "file": str(self.file),
            "sha256": self.sha256,
            "against": None if self.against is None else str(self.against),
            "images": self.images,
            "passed": self.passed,
            "verdict": self.verdict(),
            "next": self.following,
            "rules": [rule.to_json() for rule in self.rules],
        }

    def with_findings(self, changed: dict[int, Finding]) -> "Report":
        """The same with some findings replaced, by ``id``."""
        rules = []
        for rule in self.rules:
            findings = tuple(changed.get(id(one), one) for one in rule.checked.findings)
            rules.append(replace(rule, checked=replace(rule.checked, findings=findings)))
        return replace(self, rules=tuple(rules))


def ask(profile: Profile, case: Case) -> Report:
    """Ask every rule.

    Raises:
        Sr2TfliteError: The file cannot be read as a graph for another reason than that it lies, or something that
            was asked for cannot be used.
    """
    results = []
    for done, (name, rule) in enumerate(profile.rules):
        case.progress("checking", done, len(profile.rules), name)
        results.append(RuleResult(name, rule.title, rule.compares, _ask(rule, case)))
    return Report(
        profile.name,
        case.path,
        case.sha256,
        case.against,
        case.images_used,
        _following(profile, case, results),
        tuple(results),
    )


def ask_package(profile: Profile, package: Package) -> Report:
    """Ask every rule about a submission: rules about single files of both integer files, comparing ones of the two.

    Raises:
        Sr2TfliteError: Something that was asked for, as a folder of images, cannot be used.
    """
    results = []
    for done, (name, rule) in enumerate(profile.rules):
        package.progress("checking", done, len(profile.rules), name)
        results.append(RuleResult(name, rule.title, rule.compares, _ask_package(rule, package)))
    following = package.remake
    if not any(one.status == "fails" for one in results):
        tried = package.tried
        asked = "".join(f" --data {quoted(folder)}" for folder in tried.data) or " --data DIR"
        asked += f" --runtime-ms {tried.runtime_ms:g}" if tried.runtime_ms else " --runtime-ms X"
        asked += " --markdown" if tried.data and tried.runtime_ms else ""
        following = f"sr2tflite check {quoted(package.path)} --profile {profile.name}{asked}"
    return Report(
        profile.name,
        package.path,
        package.contents.sha256,
        None,
        package.images_used,
        following,
        tuple(results),
    )


def _ask_package(rule: Rule, package: Package) -> Checked:
    if isinstance(rule, PackageRule):
        absent = [NAMES[role] for role in rule.needs if package.honest(role) is None]
        return left_out(f"{' and '.join(absent)} cannot be read") if absent else rule.check_package(package)
    if rule.compares:
        case, other = package.honest("fixed"), package.honest("free")
        return (
            left_out("there are no two integer files")
            if case is None or other is None
            else _joined({FIXED: _ask(rule, case)})
        )
    asked = {NAMES[role]: _ask(rule, case) for role in INTEGERS if (case := package.case(role)) is not None}
    return _joined(asked) if asked else left_out("no integer file can be read")


def _joined(asked: dict[str, Checked]) -> Checked:
    """What came of a rule in several files, as one; every finding names its file."""
    said = dict.fromkeys(checked.seen for checked in asked.values())
    seen = next(iter(said)) if len(said) == 1 else "; ".join(f"{name}: {one.seen}" for name, one in asked.items())
    findings = [
        replace(finding, where=replace(finding.where, file=name))
        for name, checked in asked.items()
        for finding in checked.findings
    ]
    return Checked(seen, tuple(findings), all(checked.is_left_out for checked in asked.values()))


def _following(profile: Profile, case: Case, results: list[RuleResult]) -> str:
    path = quoted(case.path)
    rewrites = {found.rewrite for one in results for found in one.checked.findings if found.rewrite}
    if rewrites:
        allowed = "" if any(REWRITES[name].is_exact for name in rewrites) else " --allow-difference"
        fixed = case.path.with_name(f"{case.path.stem}_fixed.tflite")
        return f"sr2tflite check {path} --profile {profile.name} --fix{allowed} -o {quoted(fixed)}"
    failed = [one for one in results if one.status == "fails"]
    if failed and all(issubclass(RULES[one.rule], UnitRule) for one in failed):
        # the network itself is not what the accelerator takes: written anew it would be the same
        told = (found.hint for one in failed for found in one.checked.findings if found.hint)
        return next((hint for hint in told if hint.startswith("sr2tflite ")), f"sr2tflite inspect {path} --tree")
    if failed:
        return case.remake
    return f"sr2tflite bench {path}" if case.against else f"sr2tflite verify {path} --against qat.onnx"


def _ask(rule: Rule, case: Case) -> Checked:
    if rule.compares and case.against is None:
        return left_out("nothing to compare with: give --against qat.onnx")
    if rule.reads_graph and not case.is_truthful:
        return left_out("the file is read otherwise than it says")
    return rule.check(case)
