"""Damaged files: read or refused in our own words, and what is read neither ends a runtime nor differs from it."""

import pytest
from kit.fuzz.survey import Survey, survey

DAILY = 400
LONG = 20_000

MOST_MIB = 600
"""Held by a process that tries damaged files: Python, NumPy and LiteRT take 70, the rest is what files may ask for."""


def judge(found: Survey, files: int) -> None:
    assert not found.lost, "\n".join(found.lost)
    assert found.counts["files"] == files
    assert not found.differing, f"{len(found.differing)} files differ from LiteRT: {found.differing[:20]}"
    assert found.peak_mib < MOST_MIB


def test_damaged_files_are_refused_or_run() -> None:
    found = survey("tflite", 0, DAILY)
    judge(found, DAILY)
    assert found.counts["read: refused 2"] > DAILY / 2
    assert found.counts["run xnnpack: done"] > DAILY / 10
    assert found.counts["interpret xnnpack: equal"] > DAILY / 20


@pytest.mark.slow
def test_many_damaged_files_are_refused_or_run() -> None:
    found = survey("tflite", DAILY, DAILY + LONG)
    judge(found, LONG)
    for outcome, count in sorted(found.counts.items()):
        print(f"{count:6} {outcome}")
