"""Tries damaged files in a process that may be lost: ``python -m kit.fuzz.worker KIND FIRST LAST``.

Before each step it says on stdout which file and which step it is at; last, what came of all.
"""

import faulthandler
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from kit.fuzz.trials import MUTANTS, TRIALS
from kit.fuzz.verb_trials import VERB_MUTANTS, VERB_TRIALS

MEMORY = 8 << 30
"""Address space: most of it is mappings of the libraries and their threads that nobody touches."""

SECONDS = 60
"""For one file, which takes milliseconds, on a machine with other things to do."""


def main(kind: str, first: int, last: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    trial, mutant = (TRIALS | VERB_TRIALS)[kind], (MUTANTS | VERB_MUTANTS)[kind]
    for seed in range(first, last):
        signal.alarm(SECONDS)
        _say({"seed": seed, "step": "make"})
        outcomes = list(trial(mutant(seed), lambda step, seed=seed: _say({"seed": seed, "step": step})))
        _say({"seed": seed, "outcomes": outcomes})
    _say({"peak_mib": _peak_kib() >> 10})


def _peak_kib() -> int:
    """The most that this program held; ``ru_maxrss`` would count what its parent held when it was started."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
