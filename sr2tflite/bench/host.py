"""Timing ``.tflite`` files on this computer, each round in a fresh process, models taking turns: A B A B."""

import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2tflite.bench.ratio import ratio_of_medians
from sr2tflite.bench.result import BenchResult, Coverage, End, ModelBench, Round
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
    hashes = [_admitted(path) for path in models]
    answers: list[list[dict[str, Any]]] = [[] for _ in models]
    for turn in range(plan.rounds):
        for index, path in enumerate(models):
            answers[index].append(_round(path, plan))
            progress("timing", turn * len(models) + index + 1, plan.rounds * len(models), path.name)
    measured = [_model(*one) for one in zip(models, hashes, answers, strict=True)]
    ratios = tuple(ratio_of_medians(model, measured[0]) for model in measured[1:])
    return BenchResult(_device(), plan.threads, plan.warmup, plan.runs, ARGV, tuple(measured), ratios)


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
    coverage = first["coverage"]
    return ModelBench(
        path.name,
        digest,
        first["size_bytes"],
        _end(first["input"]),
        _end(first["output"]),
        Coverage(coverage["nodes"], coverage["delegated"], tuple(coverage["outside"])),
        tuple(
            Round(one["init_ms"], one["first_ms"], tuple(one["times_ms"]), tuple(one["cpu_ms"]), one["peak_memory_kib"])
            for one in answers
        ),
    )


def _end(described: dict[str, Any]) -> End:
    return End(described["dtype"], tuple(described["shape"]))


def _device() -> str:
    """The processor's name, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
