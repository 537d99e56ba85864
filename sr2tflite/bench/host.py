"""Timing ``.tflite`` files on this computer, each round in a fresh process, models taking turns: A B A B."""

import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

from sr2tflite.bench.ratio import ratio
from sr2tflite.bench.result import BenchResult, Device, End, ModelBench, Placement, Tool
from sr2tflite.bench.rounds import Round, latency
from sr2tflite.errors import DeviceError, InputError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.graph.tflite import admit
from sr2tflite.progress import Progress, silent

ARGV = (sys.executable, "-m", "sr2tflite.bench.worker")


@dataclass(frozen=True)
class Plan:
    """How to measure."""

    threads: int = 1
    warmup: int = 2
    """Inferences after the first one that are not counted."""

    runs: int = 10
    rounds: int = 3
    size: tuple[int, int] = (720, 1280)
    """Height and width for free-shape files."""


def bench_on_host(models: Sequence[Path], plan: Plan, progress: Progress = silent) -> BenchResult:
    """Measure models side by side.

    Raises:
        InputError: A file cannot be read, is damaged, or LiteRT refuses it.
        DeviceError: A round's process died.
    """
    utc = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    hashes = [_admitted(path) for path in models]
    answers: list[list[dict[str, Any]]] = [[] for _ in models]
    for turn in range(plan.rounds):
        for index, path in enumerate(models):
            answers[index].append(_round(path, plan))
            progress("timing", turn * len(models) + index + 1, plan.rounds * len(models), path.name)
    measured = [_model(*one) for one in zip(models, hashes, answers, strict=True)]
    ratios = tuple(ratio(model, measured[0]) for model in measured[1:])
    return BenchResult(
        utc=utc,
        device=Device("host", _processor()),
        tool=_tool(),
        threads=plan.threads,
        affinity=None,
        warmup=plan.warmup,
        runs=plan.runs,
        rounds=plan.rounds,
        interleaved=True,
        models=tuple(measured),
        ratios=ratios,
    )


def _admitted(path: Path) -> str:
    """The hash of a file that LiteRT may load."""
    data = read_bytes(path)
    admit(data, str(path))
    return sha256(data)


def _round(path: Path, plan: Plan) -> dict[str, Any]:
    job = {
        "model": str(path),
        "size": plan.size,
        "threads": plan.threads,
        "warmup": plan.warmup,
        "runs": plan.runs,
    }
    done = subprocess.run(ARGV, input=json.dumps(job), capture_output=True, text=True, check=False)
    if done.returncode < 0:
        raise InputError(f"LiteRT ends the timed process, with signal {-done.returncode}", where=str(path))
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DeviceError(f"the timed process ended with status {done.returncode}: {last}", where=str(path))
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "refused" in answer:
        raise InputError(answer["refused"], where=str(path), hint=answer["hint"])
    return answer


def _model(path: Path, digest: str, answers: list[dict[str, Any]]) -> ModelBench:
    first = answers[0]
    return ModelBench.of_rounds(
        [_as_round(one) for one in answers],
        _placement(first["coverage"]),
        name=path.name,
        sha256=digest,
        size_bytes=first["size_bytes"],
        input=_end(first["input"]),
        output=_end(first["output"]),
        peak_memory_kib=max(one["peak_memory_kib"] for one in answers),
    )


def _placement(coverage: dict[str, Any]) -> Placement:
    obtained = "xnnpack" if coverage["delegated"] else "builtin"
    return Placement(
        "xnnpack",
        obtained,
        coverage["nodes"],
        coverage["delegated"],
        coverage["partitions"],
        tuple(coverage["outside"]),
        fell_back=not coverage["delegated"],
    )


def _as_round(answer: dict[str, Any]) -> Round:
    times = tuple(answer["times_ms"])
    return Round(ARGV, answer["init_ms"], answer["first_ms"], times, latency(times), tuple(answer["cpu_ms"]))


def _end(described: dict[str, Any]) -> End:
    return End(described["dtype"], tuple(described["shape"]))


def _tool() -> Tool:
    """LiteRT's Python package; its hash is the shared library's."""
    library = Path(distribution("ai-edge-litert").locate_file("ai_edge_litert/libLiteRt.so"))  # type: ignore[arg-type]
    digest = sha256(library.read_bytes()) if library.is_file() else None
    return Tool("ai-edge-litert", version("ai-edge-litert"), digest, "interpreter")


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
