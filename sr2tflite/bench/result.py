"""What a benchmark found: one result type for every device."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

SCHEMA = 1
STEADY_SPREAD = 0.05
"""A model is steady when the medians of its rounds lie within this fraction of the smallest."""


@dataclass(frozen=True)
class End:
    """Type and shape of an input or output, as run."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Coverage:
    """How much of a file the runtime's delegate takes."""

    nodes: int
    delegated: int
    outside: tuple[str, ...]
    """Names of the ops that builtin kernels run."""

    def __str__(self) -> str:
        return f"{self.delegated} of {self.nodes} nodes delegated"


@dataclass(frozen=True)
class Round:
    """One fresh process."""

    init_ms: float
    first_ms: float
    times_ms: tuple[float, ...]
    """By the clock, one for each timed run."""

    cpu_ms: tuple[float, ...]
    """Computing time of all threads, which other processes disturb little."""

    peak_memory_kib: int
    """Of the whole process."""


@dataclass(frozen=True)
class Latency:
    """Statistics over every timed run of every round, in milliseconds."""

    min: float
    p5: float
    median: float
    p95: float
    mean: float
    std: float


def latency(times_ms: Sequence[float]) -> Latency:
    """Statistics of some times; percentiles interpolate linearly, std is the sample's."""
    p5, median, p95 = (float(value) for value in np.percentile(times_ms, (5, 50, 95)))
    std = statistics.stdev(times_ms) if len(times_ms) > 1 else 0.0
    return Latency(min(times_ms), p5, median, p95, statistics.fmean(times_ms), std)


@dataclass(frozen=True)
class ModelBench:
    """One model's rounds."""

    name: str
    sha256: str
    size_bytes: int
    input: End
    output: End
    coverage: Coverage
    rounds: tuple[Round, ...]

    @property
    def latency_ms(self) -> Latency:
        return latency([time for one in self.rounds for time in one.times_ms])

    @property
    def cpu_ms(self) -> float:
        """Computing time of one inference, all threads together: median over every run."""
        return statistics.median(time for one in self.rounds for time in one.cpu_ms)

    @property
    def init_ms(self) -> float:
        """Loading the file and preparing it for the size: median over rounds."""
        return statistics.median(one.init_ms for one in self.rounds)

    @property
    def first_ms(self) -> float:
        """The first inference of a process: median over rounds."""
        return statistics.median(one.first_ms for one in self.rounds)

    @property
    def peak_memory_kib(self) -> int:
        return max(one.peak_memory_kib for one in self.rounds)

    @property
    def verdict(self) -> Literal["steady", "noisy"]:
        """Noisy where rounds disagree by more than ``STEADY_SPREAD``; one round says nothing and is noisy."""
        medians = [statistics.median(one.times_ms) for one in self.rounds]
        steady = len(medians) > 1 and max(medians) <= min(medians) * (1 + STEADY_SPREAD)
        return "steady" if steady else "noisy"

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "input": _end_json(self.input),
            "output": _end_json(self.output),
            "coverage": {**vars(self.coverage), "outside": list(self.coverage.outside)},
            "init_ms": self.init_ms,
            "first_ms": self.first_ms,
            "latency_ms": vars(self.latency_ms),
            "cpu_ms": self.cpu_ms,
            "peak_memory_kib": self.peak_memory_kib,
            "verdict": self.verdict,
            "rounds": [
                {**vars(one), "times_ms": list(one.times_ms), "cpu_ms": list(one.cpu_ms)} for one in self.rounds
            ],
        }


@dataclass(frozen=True)
class Ratio:
    """The median latency of one model over the first one's, with a 95 % bootstrap confidence interval."""

    model: str
    reference: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class BenchResult:
    """Models measured side by side on one device."""

    device: str
    threads: int
    warmup: int
    runs: int
    """Timed inferences per round."""

    argv: tuple[str, ...]
    """The command of one round; the job goes to its stdin."""

    models: tuple[ModelBench, ...]
    ratios: tuple[Ratio, ...]
    """Each model after the first against the first."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return {
            "schema": SCHEMA,
            "device": self.device,
            "threads": self.threads,
            "warmup": self.warmup,
            "runs": self.runs,
            "argv": list(self.argv),
            "models": [model.to_json() for model in self.models],
            "ratios": [vars(ratio) for ratio in self.ratios],
        }


def _end_json(end: End) -> dict[str, Any]:
    return {"dtype": end.dtype, "shape": list(end.shape)}
