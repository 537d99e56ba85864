"""Damaged files, submissions and profiles: ``check`` answers each in its own words and writes nothing."""

import sys

import pytest
from kit.fuzz.survey import Survey, survey

DAILY = {"check file": 200, "check submission": 200, "check profile": 200, "check against": 100}
LONG = {"check file": 2_500, "check submission": 4_000, "check profile": 2_000, "check against": 1_500}

MOST_MIB = 1000
"""Held by a process that checks damaged submissions: a file's own size may be one of many pixels."""


def judge(found: Survey, files: int) -> None:
    for outcome, count in sorted(found.counts.items()):
        sys.stdout.write(f"{count:6} {outcome}\n")
    assert not found.lost, "\n".join(found.lost)
    assert found.counts["files"] == files
    assert found.peak_mib < MOST_MIB


@pytest.mark.parametrize("kind", DAILY)
def test_what_is_damaged_is_refused_or_judged(kind: str) -> None:
    found = survey(kind, 0, DAILY[kind])
    judge(found, DAILY[kind])
    answered = found.counts["check: passes"] + found.counts["check: fails"]
    assert answered > DAILY[kind] / 20
    if kind == "check submission":  # what is damaged inside is a finding, never a refusal
        assert answered > 0.98 * DAILY[kind]
        assert found.counts["check: fails"] > DAILY[kind] / 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", LONG)
def test_many_that_are_damaged_are_refused_or_judged(kind: str) -> None:
    judge(survey(kind, DAILY[kind], DAILY[kind] + LONG[kind]), LONG[kind])
