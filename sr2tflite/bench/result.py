"""What a benchmark found: one result type for every device; its form is ``sr2tflite.bench/2``.

::

    BenchReport               one call
    └── BenchResult           one device, one number of threads
        ├── Device, Tool
        ├── ModelBench        one file: End in and out, Placement, the figures, OpTime…, OutputCheck, verdict
        │   └── Round         one fresh process: argv, times, State before and after, Signals
        └── Ratio, Score      a file against the first; a challenge's score
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sr2tflite.bench.judged import Ratio, Score
from sr2tflite.bench.rounds import Latency, Round, pooled
from sr2tflite.bench.verdict import Verdict, verdict

SCHEMA = "sr2tflite.bench/2"

Fact = str | int | float | None


@dataclass(frozen=True)
class Device:
    """What the models ran on."""

    kind: Literal["host", "android"]
    name: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """What the system tells of itself: processor, memory, releases …"""

    serial_hash: str | None = None
    """Of a phone's serial number, which itself is not kept."""


@dataclass(frozen=True)
class Tool:
    """What timed the models."""

    name: str
    version: str | None
    sha256: str | None
    """Of the binary."""

    flavor: str
    """Its family, for those who compare: ``interpreter``, ``classic``, ``litert`` …"""


@dataclass(frozen=True)
class End:
    """Type and shape of an input or output, as run."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Placement:
    """Which unit was asked for, which ran the file, and what of the file it left to others."""

    asked: str
    """``xnnpack``, ``gpu``, ``nnapi`` …"""

    obtained: str | None
    """What really ran; None where the tool does not tell."""

    nodes: int | None
    delegated: int | None
    partitions: int | None
    outside: tuple[str, ...]
    """Names of the ops that builtin kernels run, one for each node, in the file's order."""

    fell_back: bool = False
    """Whether none of the nodes, or not all that were required, ran where it was asked."""

    def __str__(self) -> str:
        return f"{_known(self.delegated)} of {_known(self.nodes)} nodes delegated"


@dataclass(frozen=True)
class OpTime:
    """One op of one inference, from a pass of its own: profiling disturbs the times."""

    op: str
    """As the runtime names it."""

    delegate: str | None
    """Whose kernel ran it; None is the runtime's builtin one."""

    ms: float
    """Mean over the pass's runs."""

    name: str | None = None
    """Of the output tensors, where the tool tells."""


@dataclass(frozen=True)
class OutputCheck:
    """The device's output against the host's, on the same input."""

    values: int
    differing: int
    """How many differ; 0 is byte for byte the same."""

    max_lsb: float | None
    """The largest difference, in quantization steps."""

    psnr: float | None
    """In dB for a peak of 255, of 1 for a float file of that range; None when identical."""

    against: str = "xnnpack"
    """The kernel family of the host's output."""

    def __str__(self) -> str:
        if not self.differing:
            return f"output identical to {self.against} here, {self.values:,} values"
        steps = "" if self.max_lsb is None else f" by at most {self.max_lsb:g} LSB"
        psnr = "" if self.psnr is None else f", {self.psnr:.2f} dB"
        return f"output beside {self.against} here: {self.differing:,} of {self.values:,} values differ{steps}{psnr}"


@dataclass(frozen=True)
class ModelBench:
    """One file's figures; make it with :meth:`of_rounds`, so that they follow from the rounds."""

    name: str
    sha256: str
    size_bytes: int
    input: End
    output: End
    placement: Placement
    rounds: tuple[Round, ...]
    init_ms: float | None
    """Median over rounds."""

    first_ms: float | None
    """The first inference of a process: median over rounds."""

    latency_ms: Latency
    """Over every timed run of every round; see ``bench.rounds.pooled`` for tools that do not tell each run."""

    cpu_ms: float | None
    """Computing time of one inference, all threads together: median over every run."""

    verdict: Verdict
    peak_memory_kib: int | None = None
    """From a pass of its own."""

    ops: tuple[OpTime, ...] | None = None
    """From a pass of its own; None where the runtime has no profiler, or none was asked for."""

    output_check: OutputCheck | None = None

    @property
    def sizes(self) -> str:
        """``720×1280 to 2160×3840``: height by width of the input and the output."""
        return " to ".join("×".join(map(str, end.shape[1:3])) for end in (self.input, self.output))

    @classmethod
    def of_rounds(cls, rounds: Sequence[Round], placement: Placement, **file: Any) -> "ModelBench":
        """A file's figures from its rounds.

        Args:
            rounds: At least one.
            placement: Where it ran.
            file: ``name``, ``sha256``, ``size_bytes``, ``input``, ``output``, and what came of other passes.
        """
        cpu = [time for one in rounds for time in one.cpu_ms]
        return cls(
            placement=placement,
            rounds=tuple(rounds),
            init_ms=_median([one.init_ms for one in rounds if one.init_ms is not None]),
            first_ms=_median([one.first_ms for one in rounds if one.first_ms is not None]),
            latency_ms=pooled(rounds),
            cpu_ms=_median(cpu),
            verdict=verdict(rounds, fell_back=placement.fell_back),
            **file,
        )


@dataclass(frozen=True)
class BenchResult:
    """Models measured side by side on one device."""

    utc: str
    """When it began: ``2026-11-21T19:40:00Z``."""

    device: Device
    tool: Tool
    threads: int
    affinity: str | None
    """The processors that the runs were held on: a list such as ``0,2``, a phone's mask ``f0``; None is any."""

    warmup: int
    """Inferences per round, after the first one, that are not counted."""

    runs: int
    """Timed inferences per round that were asked for."""

    rounds: int
    interleaved: bool
    """Whether the models took turns."""

    models: tuple[ModelBench, ...]
    ratios: tuple[Ratio, ...]
    """Each model after the first against the first."""

    scores: tuple[Score, ...] = ()
    """Of the files whose PSNR is known, if a challenge was named."""

    notes: tuple[str, ...] = ()
    """What a reader must know besides."""

    schema: str = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return _plain(asdict(self))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Failure:
    """A device that could not be measured beside others that were."""

    serial_hash: str
    error: str
    """The error's name, as ``DeviceError``."""

    message: str
    exit_status: int


@dataclass(frozen=True)
class BenchReport:
    """All that one call measured: a result for each device and number of threads."""

    results: tuple[BenchResult, ...]
    failures: tuple[Failure, ...] = ()
    schema: str = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        results = [one.to_json() for one in self.results]
        return {"schema": self.schema, "results": results, "failures": [asdict(one) for one in self.failures]}


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
