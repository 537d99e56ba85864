"""What verbs wrote as JSON, read back: those parts that a report shows; what else is there is kept."""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sr2tflite.errors import InputError


class Told(BaseModel):
    """A record that a verb wrote; a file may come from an older release, or from anywhere."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        """Name and hash of every file that it is about."""
        return ()


ToldT = TypeVar("ToldT", bound=Told)


class ImageScore(Told):
    image: str
    psnr: float | None
    ssim: float


class ScoreRow(Told):
    artifact: str
    protocol: str
    psnr: float | None
    """dB; None is infinite."""

    ssim: float
    images: tuple[ImageScore, ...] = ()


class Evaluated(Told):
    name: str
    kind: str
    sha256: str


class Apart(Told):
    artifact: str
    reference: str
    psnr: float | None
    equal_images: int
    steps: dict[str, float]
    """Share of the values by distance."""


class Evaluation(Told):
    """``eval``: quality of several artifacts on some images."""

    scale: int
    image_set: str
    images: tuple[str, ...]
    artifacts: tuple[Evaluated, ...]
    rows: tuple[ScoreRow, ...]
    differences: tuple[Apart, ...] = ()

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return tuple((one.name, one.sha256) for one in self.artifacts)

    @property
    def protocols(self) -> tuple[str, ...]:
        """In order; the first one is what gates look at."""
        return tuple(dict.fromkeys(row.protocol for row in self.rows))

    def row(self, artifact: str, protocol: str) -> ScoreRow | None:
        return next((one for one in self.rows if (one.artifact, one.protocol) == (artifact, protocol)), None)


class BenchDevice(Told):
    name: str


class BenchEnd(Told):
    dtype: str
    shape: tuple[int, ...]


class BenchLatency(Told):
    min: float
    median: float | None
    p95: float | None
    mean: float

    @property
    def center(self) -> float:
        return self.mean if self.median is None else self.median


class BenchRound(Told):
    times_ms: tuple[float, ...]


class BenchModel(Told):
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
    model: str
    reference: str
    ratio: float
    low: float
    high: float
    confidence: float | None = None

    def __str__(self) -> str:
        sure = "" if self.confidence is None else f"{100 * self.confidence:.4g} % "
        words = f"{self.model} takes {self.ratio:.3f} times as long as {self.reference}"
        return f"{words} ({sure}interval {self.low:.3f} to {self.high:.3f})"


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


class Decibels(Told):
    against_float: float | None
    against_hr: float | None


class BudgetRow(Told):
    name: str
    kind: str
    op: str
    reads: tuple[str, ...]
    cost: Decibels
    saturated: float
    unused_codes: int
    codes: int


class Measured(Told):
    name: str
    sha256: str


class Budget(Told):
    """``budget``: what each tensor's quantization costs, the most expensive first."""

    model: Measured
    protocol: str | None
    images: tuple[str, ...]
    int8: Decibels
    drop: float | None
    rows: tuple[BudgetRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return ((self.model.name, self.model.sha256),)


class RuleFinding(Told):
    severity: str
    where: dict[str, str | int]
    found: str
    expected: str | None = None
    source: str | None = None
    hint: str | None = None
    error_map: str | None = None

    @property
    def place(self) -> str:
        op = f"op {self.where['op']} {self.where.get('kind', '')}".strip() if "op" in self.where else ""
        return " ".join(part for part in (op, str(self.where.get("tensor", ""))) if part) or "the file"


class AskedRule(Told):
    rule: str
    title: str
    status: str
    seen: str
    findings: tuple[RuleFinding, ...] = ()


class Checked(Told):
    """``verify`` or ``check``: the rules of a profile, asked of a file."""

    profile: str
    file: str
    sha256: str
    passed: bool
    verdict: str
    rules: tuple[AskedRule, ...]

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return ((self.file_name, self.sha256),)

    @property
    def words(self) -> str:
        """The verdict, with files named as in the folder that they lie in."""
        return self.verdict.replace(f"{PurePath(self.file).parent}/", "")

    @property
    def file_name(self) -> str:
        return PurePath(self.file).name


class Delta(Told):
    interior: float
    border: float
    corners: float

    @property
    def largest(self) -> float:
        return max(self.interior, self.border, self.corners)


class Collapse(Told):
    name: str
    form: str
    ops: tuple[str, ...]
    kernel: tuple[int, int]
    macs_before: int
    macs_after: int
    delta: Delta


class LeftRegion(Told):
    name: str
    reason: str


class WholeGraph(Told):
    against: str = "module"
    dtype: str
    size: tuple[int, int]
    largest_delta: float
    value_range: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.largest_delta <= self.limit * self.value_range


class Certificate(Told):
    """``fuse``: what was collapsed, and how exactly."""

    source: str
    tools: dict[str, str]
    weights_in_sha256: str
    weights_out_sha256: str
    ops: str
    collapsed: tuple[Collapse, ...]
    left: tuple[LeftRegion, ...]
    checks: tuple[WholeGraph, ...]


KINDS: tuple[tuple[frozenset[str], type[Told]], ...] = (
    (frozenset({"profile", "rules", "verdict"}), Checked),
    (frozenset({"results", "failures"}), Benches),
    (frozenset({"int8", "float", "rows"}), Budget),
    (frozenset({"image_set", "artifacts", "rows"}), Evaluation),
)
"""Every kind of JSON that a report takes in, by keys that only it has."""


def parsed(kind: type[ToldT], content: Any, where: str) -> ToldT:
    """A record from plain data.

    Raises:
        InputError: Something that a report shows is missing or of another type.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}", where=where) from error


def json_of(data: bytes, where: str) -> Any:
    """Plain data.

    Raises:
        InputError: It is not JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("is not JSON", where=where, hint="write it with --json > FILE.json") from error


def of_any_kind(content: Any, where: str) -> Told | None:
    """What ``verify``, ``check``, ``bench``, ``budget`` or ``eval`` printed with ``--json``; the keys tell which.

    Returns:
        The record, or None where it is no verb's that a report shows.

    Raises:
        InputError: It is one, and something in it is missing or of another type.
    """
    keys = content.keys() if isinstance(content, Mapping) else frozenset()
    kind = next((kind for needed, kind in KINDS if needed <= keys), None)
    return None if kind is None else parsed(kind, content, where)
