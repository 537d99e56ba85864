"""Whether the times of a model can be believed."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sr2tflite.bench.rounds import Round, pooled

Verdict = Literal["steady", "noisy", "throttled", "fell back"]

SPREAD = 0.05
"""Steady: the middle half of the rounds' medians spans at most this fraction of their median."""

TAIL = 1.15
"""Steady: the median over all runs is at most this many times their 5th percentile."""

PRESSURE = 20.0
"""Steady: in at most this percent of the time some task waited for a processor, median over the rounds."""


def disturbances(rounds: Sequence[Round]) -> tuple[str, ...]:
    """Why the times of some rounds are noisy, each reason in words with its figure; none of them is steady.

    The middle half and not the range of the rounds, since the range grows with their number. One round alone says
    nothing of the next, and is noisy.
    """
    if len(rounds) < 2:
        return ("one round alone",)
    reasons = []
    lower, middle, upper = np.percentile([one.latency_ms.center for one in rounds], (25, 50, 75))
    if upper - lower > SPREAD * middle:
        reasons.append(f"rounds {100 * (upper - lower) / middle:.1f} % apart")
    whole = pooled(rounds)
    if whole.p5 and whole.center > TAIL * whole.p5:
        reasons.append(f"median {whole.center / whole.p5:.2f} times the 5th percentile")
    pressures = [one.signals.pressure for one in rounds if one.signals.pressure is not None]
    if pressures and np.median(pressures) > PRESSURE:
        reasons.append(f"tasks waited for a processor {np.median(pressures):.0f} % of the time")
    return tuple(reasons)


def has_throttled(rounds: Sequence[Round]) -> bool:
    """Whether the device held some rounds back: it was hot by its own word, or allowed a lower clock than before.

    What fell between two rounds counts like what fell during one. Where neither is told, nothing is known of it.
    """
    highest: dict[str, float] = {}
    for state in (state for one in rounds for state in (one.before, one.after)):
        if state.thermal_status:
            return True
        for core, limit in state.clock_limits_mhz.items():
            if limit < highest.setdefault(core, limit):
                return True
            highest[core] = limit
    return False


def verdict(rounds: Sequence[Round], *, fell_back: bool = False) -> Verdict:
    """The gravest of what is wrong with a model's rounds.

    Args:
        rounds: Of one model.
        fell_back: Whether another unit ran it than was asked for.
    """
    if fell_back:
        return "fell back"
    if has_throttled(rounds):
        return "throttled"
    return "noisy" if disturbances(rounds) else "steady"
