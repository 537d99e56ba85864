"""The record of one ``benchmark_model`` process. Times in microseconds, memory in MB; None is what it did not tell."""

from dataclasses import dataclass
from typing import Literal

from sr2tflite.bench.rounds import Latency


@dataclass(frozen=True)
class Times:
    """A row of runs. Of one run, or of equal ones, the tool tells the time alone: it is the least, most and mean."""

    count: int
    first: float | None = None
    last: float | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    """Of the population (the tool divides by n)."""

    p5: float | None = None
    median: float | None = None
    p95: float | None = None

    @property
    def latency_ms(self) -> Latency | None:
        """The same in milliseconds; None where nothing ran."""
        if self.min is None or self.mean is None or self.count < 1:
            return None
        p5, median, p95, std = (None if us is None else _ms(us) for us in (self.p5, self.median, self.p95, self.std))
        return Latency(_ms(self.min), p5, median, p95, _ms(self.mean), std, self.count)


@dataclass(frozen=True)
class Replaced:
    """A delegate took nodes of a graph."""

    delegate: str
    nodes: int
    of: int | None
    """Nodes of the graph as it was; older builds do not tell."""

    partitions: int
    subgraph: int | None


@dataclass(frozen=True)
class Applied:
    """What became of a delegate that a flag asked for."""

    delegate: str
    extent: Literal["completely", "partially", "not"]
    kernels: int | None = None


@dataclass(frozen=True)
class Memory:
    """Growth of the process in MB, since its start."""

    init: float | None = None
    overall: float | None = None
    peak: float | None = None
    """The largest that a thread of the tool's own saw; only where it was asked to look."""


@dataclass(frozen=True)
class Log:
    """One process of the tool."""

    flavor: Literal["classic", "litert"] | None = None
    """Interpreter or CompiledModel; None where it ended before telling."""

    init_us: float | None = None
    first_us: float | None = None
    warmup: Times | None = None
    runs: Times | None = None
    created: tuple[str, ...] = ()
    """Delegates that were made, in order; whether they run anything is in ``replaced`` and ``applied``."""

    replaced: tuple[Replaced, ...] = ()
    applied: tuple[Applied, ...] = ()
    unsupported: tuple[tuple[str, str], ...] = ()
    """Ops that the GPU delegate declines, each with its reason."""

    fully_accelerated: bool | None = None
    memory: Memory = Memory()
    unconsumed: tuple[str, ...] = ()
    """Flags that this build does not know: it warns, and goes on without."""

    errors: tuple[str, ...] = ()
    failed: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether it did not fail, and tells a latency."""
        return not self.failed and self.runs is not None and self.runs.latency_ms is not None

    @property
    def declined(self) -> tuple[str, ...]:
        """Delegates that were asked for and run nothing: the times are another unit's."""
        return tuple(one.delegate for one in self.applied if one.extent == "not")


def _ms(us: float) -> float:
    """Decimal as the tool printed it: a picosecond is far below its six digits."""
    return round(us / 1e3, 9)
