"""How to measure on this machine."""

import os
from dataclasses import dataclass
from math import isfinite

from sr2tflite.bench.names import ranges
from sr2tflite.errors import InputError

Size = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """How to measure on this machine.

    A round is one fresh process for each file; it warms up and times until both its count and its time are reached.
    """

    threads: tuple[int, ...] = (1,)
    """Of the runtime; every file is measured with each number."""

    warmup: int = 2
    """Inferences after the first one that are not counted, at least."""

    runs: int = 5
    """Timed inferences a round, at least."""

    seconds: float = 0.3
    """That the warm-up takes at least, and the timed inferences likewise."""

    rounds: int = 12
    """Of eleven on, a ratio's interval holds it with 99.9 % (``bench.ratio``)."""

    size: Size = (720, 1280)
    """Height and width for free-shape files; 720p is the ×3 way to 4K."""

    sizes: tuple[Size, ...] = ()
    """Every file, also of a fixed shape, is measured at each of these instead."""

    cpus: tuple[int, ...] | None = None
    """The processors that the timed processes are held on; None is any."""

    ops: bool = False
    """Whether a pass of its own times every op."""

    def check(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            InputError: A count is out of range, or a processor is not there.
        """
        counts = (*self.threads, self.runs, self.rounds, *(side for size in (self.size, *self.sizes) for side in size))
        if not self.threads or min(counts) < 1 or min(self.warmup, self.seconds) < 0 or not isfinite(self.seconds):
            raise InputError("threads, runs, rounds and sizes must be at least 1, warm-up and seconds from 0 on")
        if self.cpus is None:
            return
        if not hasattr(os, "sched_setaffinity"):
            raise InputError("this system holds no process on a processor", hint="leave out --cpus")
        there = os.sched_getaffinity(0)
        if absent := sorted(set(self.cpus) - there):
            raise InputError(f"no processor {ranges(absent)} is ours; expected some of {ranges(there)}", where="--cpus")
