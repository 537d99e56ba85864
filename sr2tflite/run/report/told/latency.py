"""What ``bench`` wrote: latencies, and what they were measured on."""

from sr2tflite.bench.figures import compared, interval
from sr2tflite.run.report.told import Told


class BenchDevice(Told):
    """What the files ran on."""

    name: str


class BenchEnd(Told):
    """An input or output."""

    dtype: str
    shape: tuple[int, ...]


class BenchLatency(Told):
    """Figures of the timed runs, in milliseconds."""

    min: float
    median: float | None
    p95: float | None
    mean: float

    @property
    def center(self) -> float:
        return self.mean if self.median is None else self.median


class BenchRound(Told):
    """One fresh process."""

    times_ms: tuple[float, ...]


class BenchModel(Told):
    """One file."""

    name: str
    sha256: str
    size_bytes: int
    input: BenchEnd
    output: BenchEnd
    latency_ms: BenchLatency
    verdict: str
    rounds: tuple[BenchRound, ...]
    peak_memory_kib: int | None = None


class BenchRatio(Told):
    """A file against the first one."""

    model: str
    reference: str
    ratio: float
    low: float
    high: float
    confidence: float | None = None

    def __str__(self) -> str:
        sure = "" if self.confidence is None else f" ({interval(self.low, self.high, self.confidence)})"
        return compared(self.model, self.reference, self.ratio) + sure


class Bench(Told):
    """``bench``: some files on one device with one number of threads."""

    device: BenchDevice | str
    threads: int
    models: tuple[BenchModel, ...]
    ratios: tuple[BenchRatio, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return tuple((one.name, one.sha256) for one in self.models)

    @property
    def device_name(self) -> str:
        return self.device if isinstance(self.device, str) else self.device.name


class Benches(Told):
    """What one call of ``bench`` printed."""

    results: tuple[Bench, ...]

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return tuple(pair for one in self.results for pair in one.subjects)


class Timing(Told):
    """What the stage ``bench`` of a run told."""

    full: Bench
    ratio: float

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return self.full.subjects
