"""Damaged files tried in processes that may be lost, and what was lost."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sr2tflite

TESTS = Path(__file__).parents[2]


@dataclass
class Survey:
    """What came of a range of damaged files."""

    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    """Where a process ended otherwise than by its own will: file, step, status and last words."""

    differing: list[int] = field(default_factory=list)
    """Files that LiteRT and the interpreter compute otherwise."""

    peak_mib: int = 0
    """The most memory that a process held."""


def survey(kind: str, first: int, last: int, batch: int = 500) -> Survey:
    """Try the damaged files of the numbers from the first up to, not including, the last."""
    found, start = Survey(), first
    while start < last:
        start = _batch(found, kind, start, min(start + batch, last))
    return found


def _batch(found: Survey, kind: str, first: int, last: int) -> int:
    """Where to go on."""
    command = [sys.executable, "-m", "kit.fuzz.worker", kind, str(first), str(last)]
    places = f"{TESTS}{os.pathsep}{Path(sr2tflite.__file__).parents[1]}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": places}
    )
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for one in (one for one in said if "outcomes" in one):
        found.counts.update(["files", *one["outcomes"]])
        if any("differs" in word for word in one["outcomes"]):
            found.differing.append(int(one["seed"]))
    if done.returncode == 0:
        found.peak_mib = max(found.peak_mib, said[-1]["peak_mib"])
        return last
    words = " | ".join(done.stderr.strip().splitlines()[-6:])
    assert said, words
    found.lost.append(f"{kind} {said[-1]['seed']}, {said[-1]['step']}: status {done.returncode}: {words}")
    return int(said[-1]["seed"]) + 1
