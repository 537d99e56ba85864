"""One round of one model: what was run, its times, and the state of the device around it."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class State:
    """What the device tells of itself at one moment; what it does not tell is None or missing, never guessed."""

    temperatures_c: Mapping[str, float] = field(default_factory=dict)
    """Degrees Celsius by the sensor's name."""

    thermal_status: int | None = None
    """Android's, 0 (none) to 6 (shutdown)."""

    battery_percent: float | None = None
    battery_c: float | None = None
    charging: bool | None = None
    clocks_mhz: Mapping[str, float] = field(default_factory=dict)
    """Of each core or cluster, by name."""

    clock_limits_mhz: Mapping[str, float] = field(default_factory=dict)
    """The highest clock that the system allows just now; a lowered one is throttling."""

    effective_mhz: Mapping[str, float] = field(default_factory=dict)
    """The mean clock of each core since the state before, idle time included; only where the kernel counts."""

    governor: str | None = None
    load: float | None = None
    """Runnable tasks, average of the last minute."""

    pressure: float | None = None
    """Percent of the last ten seconds in which some task waited for a processor (PSI)."""

    free_memory_mib: float | None = None
    screen_on: bool | None = None
    power_save: bool | None = None


@dataclass(frozen=True)
class Signals:
    """What disturbed the timed runs of a round, as far as the system tells."""

    pressure: float | None = None
    """Percent of the timed part in which some task of the machine waited for a processor (PSI)."""

    waited: float | None = None
    """Percent of the timed part that this process's main thread was ready to run and had no processor."""

    involuntary_switches: int | None = None
    """How often a processor was taken from the process."""

    stolen: float | None = None
    """Percent of the machine's processor time that its hypervisor gave to others."""


@dataclass(frozen=True)
class Latency:
    """Statistics of timed runs, in milliseconds; None where a tool tells no such figure."""

    min: float
    p5: float | None
    median: float | None
    p95: float | None
    mean: float
    std: float | None
    """Of the sample (n − 1) where the times are known; a tool's own is the population's (n)."""

    n: int
    """Timed runs."""

    @property
    def center(self) -> float:
        """The median, or where the tool tells none the mean."""
        return self.mean if self.median is None else self.median


def latency(times_ms: Sequence[float]) -> Latency:
    """Statistics of some times; percentiles interpolate linearly, std is the sample's (None of one time)."""
    p5, median, p95 = (float(value) for value in np.percentile(times_ms, (5, 50, 95)))
    std = statistics.stdev(times_ms) if len(times_ms) > 1 else None
    return Latency(min(times_ms), p5, median, p95, statistics.fmean(times_ms), std, len(times_ms))


@dataclass(frozen=True)
class Round:
    """One fresh process."""

    argv: tuple[str, ...]
    """The whole command."""

    init_ms: float | None
    """Loading the file and preparing it for the size."""

    first_ms: float | None
    """The first inference."""

    times_ms: tuple[float, ...]
    """By the clock, one for each timed run; empty where the tool tells only statistics."""

    latency_ms: Latency
    cpu_ms: tuple[float, ...] = ()
    """Computing time of all threads, one for each timed run, which other processes disturb little; empty if unknown."""

    before: State = State()
    after: State = State()
    signals: Signals = Signals()
    returncode: int = 0
    log: str | None = None
    """All that the tool printed, word for word; None where it is this machine that measures."""


def pooled(rounds: Sequence[Round]) -> Latency:
    """Statistics over every timed run of every round.

    Where the times themselves are not known: the smallest min, the mean m over all N runs, of each percentile the
    median over the rounds, and the deviation of all runs from the rounds' own, ``σ² = Σ nᵢ (σᵢ² + (mᵢ − m)²) / N``;
    of the last two nothing unless every round tells it.
    """
    if all(one.times_ms for one in rounds):
        return latency([time for one in rounds for time in one.times_ms])
    if len(rounds) == 1:
        return rounds[0].latency_ms
    parts = [one.latency_ms for one in rounds]
    n = sum(one.n for one in parts)
    mean = sum(one.mean * one.n for one in parts) / n
    squares = [one.n * (one.std**2 + (one.mean - mean) ** 2) for one in parts if one.std is not None]
    std = math.sqrt(sum(squares) / n) if len(squares) == len(parts) else None
    p5, median, p95 = (_middle([getattr(one, name) for one in parts]) for name in ("p5", "median", "p95"))
    return Latency(min(one.min for one in parts), p5, median, p95, mean, std, n)


def _middle(values: Sequence[float | None]) -> float | None:
    """The median; None unless all are known."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if len(known) == len(values) else None
