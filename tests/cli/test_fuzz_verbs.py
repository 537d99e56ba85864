"""``inspect``, ``diff`` and ``recipe`` on damaged files: a result or a message of our own, no hang, no file anywhere.

Each is tried in a process that may be lost, with a limit on memory and time: see ``kit/fuzz/worker.py``.
"""

import sys

import pytest
from kit.fuzz.survey import Survey, survey

DAILY = {
    "inspect tflite": 120,
    "inspect onnx": 80,
    "inspect checkpoint": 40,
    "inspect run": 40,
    "diff tflite": 100,
    "diff onnx": 60,
    "recipe": 60,
}
LONG = {
    "inspect tflite": 3000,
    "inspect onnx": 2000,
    "inspect checkpoint": 1000,
    "inspect run": 500,
    "diff tflite": 2500,
    "diff onnx": 1500,
    "recipe": 500,
}

MOST_MIB = 900
"""Held by a process that tries damaged files; torch and onnxruntime among its libraries."""


def judge(found: Survey, kind: str, files: int) -> None:
    for outcome, count in sorted(found.counts.items()):
        sys.stdout.write(f"{kind}: {count:6} {outcome}\n")
    assert not found.lost, "\n".join(found.lost)
    assert found.counts["files"] == files
    assert found.peak_mib < MOST_MIB


@pytest.mark.parametrize("kind", DAILY)
def test_damaged_files_are_looked_at_or_refused(kind: str) -> None:
    found = survey(kind, 0, DAILY[kind])
    judge(found, kind, DAILY[kind])
    verb = kind.split()[0]
    assert found.counts[f"{verb}: 2"] > DAILY[kind] / 20
    assert found.counts[f"{verb}: 0"] + found.counts[f"{verb}: 4"] > DAILY[kind] / 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", LONG)
def test_many_damaged_files_are_looked_at_or_refused(kind: str) -> None:
    judge(survey(kind, DAILY[kind], DAILY[kind] + LONG[kind]), kind, LONG[kind])
