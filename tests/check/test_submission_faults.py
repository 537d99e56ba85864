"""Submissions with one fault each, found by the rule that is there for it; and honest ones."""

from pathlib import Path

import pytest
from kit.archive_faults import ARCHIVES
from kit.submission_faults import MODELS
from kit.submissions import honest

from sr2tflite.check.archive import archive_of
from sr2tflite.check.gate import Gate
from sr2tflite.commands.check import check
from sr2tflite.export.challenges import CHALLENGES


def asked(data: bytes, profile: str = "mai2026") -> Gate:
    Path("submission.zip").write_bytes(data)
    return check(Path("submission.zip"), [profile])


def found(gate: Gate) -> tuple[str, ...]:
    """The rules that say something graver than a note."""
    (report,) = gate.reports
    return tuple(rule.rule for rule in report.rules if rule.status in ("fails", "warned"))


@pytest.mark.parametrize("case", ARCHIVES)
def test_an_archive_that_may_hurt_is_found_and_not_read(case: str) -> None:
    gate = asked(ARCHIVES[case]())
    assert found(gate) == ("archive",), gate.verdict()
    assert not gate.passed
    assert gate.reports[0].rules[0].checked.findings[0].hint.startswith("sr2tflite package")
    assert sorted(path.name for path in Path().iterdir()) == ["submission.zip"]


@pytest.mark.parametrize("case", MODELS)
def test_a_fault_is_found_by_its_rule(case: str) -> None:
    fault, rules = MODELS[case]
    gate = asked(fault())
    assert found(gate) == rules, gate.verdict()


@pytest.mark.parametrize("name", CHALLENGES)
def test_an_honest_submission_passes(name: str) -> None:
    gate = asked(archive_of(honest(name)), name)
    assert gate.passed, gate.verdict()
    assert found(gate) == ()
    assert {rule.rule for rule in gate.reports[0].rules if rule.status == "left out"} == {
        "package_quality",
        "package_score",
    }
