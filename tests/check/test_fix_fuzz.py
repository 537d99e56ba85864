"""Damaged files with layout tails: ``check --fix`` rewrites, refuses or leaves each, and writes nothing else."""

import sys

import pytest
from kit.fuzz.survey import survey

DAILY, LONG = 60, 1_500


def judged(first: int, last: int) -> None:
    found = survey("check fix", first, last)
    for outcome, count in sorted(found.counts.items()):
        sys.stdout.write(f"{count:6} {outcome}\n")
    assert not found.lost, "\n".join(found.lost)
    assert found.counts["files"] == last - first
    assert found.counts["check --fix: rewritten"]


def test_a_damaged_file_is_rewritten_or_refused() -> None:
    judged(0, DAILY)


@pytest.mark.slow
def test_many_damaged_files_are_rewritten_or_refused() -> None:
    judged(DAILY, DAILY + LONG)
