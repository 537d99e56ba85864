"""Damaged files: read or refused in our own words, and what is read neither ends a runtime nor differs from it.

They are tried in processes of their own, with a limit on memory and time: see ``kit/fuzz/worker.py``.
"""

import sys

import pytest
from kit.fuzz.survey import Survey, survey

DAILY = {"tflite": 400, "eval": 100, "other op": 10, "our onnx": 200, "foreign onnx": 12}
LONG = {"tflite": 20_000, "eval": 5_000, "other op": 633, "our onnx": 10_000, "foreign onnx": 1_000}

MOST_MIB = {"tflite": 200, "eval": 300, "other op": 200, "our onnx": 200, "foreign onnx": 800}
"""Held by a process that tries damaged files; the libraries alone take 60, with torch 400."""


def judge(found: Survey, kind: str, files: int) -> None:
    for outcome, count in sorted(found.counts.items()):
        sys.stdout.write(f"{count:6} {outcome}\n")
    assert not found.lost, "\n".join(found.lost)
    assert found.counts["files"] == files
    assert not found.differing, f"{len(found.differing)} files differ from LiteRT: {found.differing[:20]}"
    assert found.peak_mib < MOST_MIB[kind]


@pytest.mark.parametrize("kind", DAILY)
def test_damaged_files_are_refused_or_run(kind: str) -> None:
    found = survey(kind, 0, DAILY[kind])
    judge(found, kind, DAILY[kind])
    if kind == "tflite":
        assert found.counts["read: refused 2"] > DAILY[kind] / 2
        assert found.counts["run xnnpack: done"] > DAILY[kind] / 10
        assert found.counts["interpret xnnpack: equal"] > DAILY[kind] / 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", LONG)
def test_many_damaged_files_are_refused_or_run(kind: str) -> None:
    judge(survey(kind, DAILY[kind], DAILY[kind] + LONG[kind]), kind, LONG[kind])
