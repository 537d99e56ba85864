"""Timing ``.tflite`` files on this machine: each round in a fresh process, files, sizes and threads taking turns."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

from sr2tflite.bench.ending import ending_is_an_interrupt
from sr2tflite.bench.flex import refuse_flex
from sr2tflite.bench.machine import state, this_machine
from sr2tflite.bench.names import distinct
from sr2tflite.bench.plan import Plan, Size
from sr2tflite.bench.ratio import ratio
from sr2tflite.bench.result import BenchReport, BenchResult, Device, End, ModelBench, OpTime, Placement, Tool
from sr2tflite.bench.rounds import Round, Signals, State, latency
from sr2tflite.errors import DeviceError, InputError
from sr2tflite.files import other_kind, read_bytes, sha256
from sr2tflite.graph.tflite import admit
from sr2tflite.networks.header import CHECKPOINTS
from sr2tflite.progress import Progress, silent

Answer = dict[str, Any]


@dataclass(frozen=True)
class File:
    """A file to measure."""

    path: Path
    name: str
    sha256: str
    size_bytes: int


@dataclass
class Contender:
    """A file at one size with one number of threads, and what its passes answered."""

    file: File
    threads: int
    size: Size
    answers: list[tuple[State, Answer, State]] = field(default_factory=list)
    memory: Answer = field(default_factory=dict)
    ops: Answer = field(default_factory=dict)


def bench_on_host(models: Sequence[Path], plan: Plan, progress: Progress = silent) -> BenchReport:
    """Measure files side by side; one result for each size and number of threads.

    All take turns, and the order is reversed in every other round (A B, B A, A B …): what drifts favors none, and
    neither does what one process leaves to the next.

    Raises:
        InputError: A file cannot be read, is damaged, or LiteRT refuses it or a size.
        UnsupportedError: A file needs Flex ops.
        DeviceError: A process died.
    """
    utc, device = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), this_machine()
    files = [_admitted(*one) for one in zip(models, distinct(models), strict=True)]
    groups = [
        [Contender(file, threads, size) for file in files]
        for size in plan.sizes or (plan.size,)
        for threads in plan.threads
    ]
    everyone = [contender for group in groups for contender in group]
    with ending_is_an_interrupt():  # which ends the timed process too
        _measure(everyone, plan, progress)
    return BenchReport(tuple(_result(group, plan, utc, device) for group in groups))


def _measure(everyone: Sequence[Contender], plan: Plan, progress: Progress) -> None:
    """All passes; memory and ops come last, since they would disturb the rounds."""
    total, done = len(everyone) * (plan.rounds + 1 + plan.ops), 0

    def told(name: str) -> None:
        nonlocal done
        done += 1
        progress("timing", done, total, name)

    for turn in range(plan.rounds):
        for one in reversed(everyone) if turn % 2 else everyone:
            before = state()
            found = _answer("worker", one, plan)
            one.answers.append((before, found, state()))
            told(one.file.name)
    for one in everyone:
        one.memory = _answer("worker", one, plan, runs=1, warmup=0, seconds=0)
        told(f"{one.file.name}, memory")
        if plan.ops:
            one.ops = _ops(one, plan)
            told(f"{one.file.name}, ops")


def _ops(one: Contender, plan: Plan) -> Answer:
    """The time of every op; its process may be lost, since the interface it uses is not a public one."""
    try:
        return _answer("opprof", one, plan)
    except (InputError, DeviceError) as error:
        return {"unknown": f"no op times: {error.message}"}


def _admitted(path: Path, name: str) -> File:
    """A file that LiteRT may load.

    Raises:
        InputError: It cannot be read, or is damaged.
        UnsupportedError: It needs Flex ops.
    """
    if path.suffix in (".onnx", *CHECKPOINTS) or path.is_dir():
        raise other_kind(path, ".tflite", "sr2tflite export QDQ.onnx --int8 --free-shape -o model.tflite")
    data = read_bytes(path)
    refuse_flex(data, str(path))
    admit(data, str(path))
    return File(path, name, sha256(data), len(data))


def _argv(module: str, one: Contender, plan: Plan, **other: float) -> tuple[str, ...]:
    job = {
        "model": str(one.file.path),
        "size": one.size,
        "resize": bool(plan.sizes),
        "threads": one.threads,
        "cpus": plan.cpus,
        "warmup": plan.warmup,
        "runs": plan.runs,
        "seconds": plan.seconds,
        "parent": os.getpid(),
        **other,
    }
    # -P: no file of the working folder is taken for one of Python's modules
    return (sys.executable, "-P", "-m", f"sr2tflite.bench.{module}", json.dumps(job))


def _answer(module: str, one: Contender, plan: Plan, **other: float) -> Answer:
    argv, where = _argv(module, one, plan, **other), str(one.file.path)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        raise InputError(f"LiteRT ends the timed process, with signal {-done.returncode}", where=where)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DeviceError(f"the timed process ended with status {done.returncode}: {last}", where=where)
    found: Answer = json.loads(done.stdout.splitlines()[-1])
    if "refused" in found:
        raise InputError(found["refused"], where=where, hint=found["hint"])
    return {"argv": argv, **found}


def _result(group: Sequence[Contender], plan: Plan, utc: str, device: Device) -> BenchResult:
    measured = tuple(_model(one) for one in group)
    return BenchResult(
        utc=utc,
        device=device,
        tool=_tool(),
        threads=group[0].threads,
        affinity=None if plan.cpus is None else ",".join(map(str, plan.cpus)),
        warmup=plan.warmup,
        runs=plan.runs,
        rounds=plan.rounds,
        interleaved=True,
        models=measured,
        ratios=tuple(ratio(model, measured[0]) for model in measured[1:]),
        notes=tuple(dict.fromkeys(one.ops["unknown"] for one in group if "unknown" in one.ops)),
    )


def _model(one: Contender) -> ModelBench:
    _, first, _ = one.answers[0]
    return ModelBench.of_rounds(
        [_round(*answer) for answer in one.answers],
        _placement(first["coverage"]),
        name=one.file.name,
        sha256=one.file.sha256,
        size_bytes=one.file.size_bytes,
        input=_end(first["input"]),
        output=_end(first["output"]),
        peak_memory_kib=one.memory["peak_memory_kib"],
        ops=tuple(OpTime(**op) for op in one.ops["ops"]) if "ops" in one.ops else None,
    )


def _round(before: State, found: Answer, after: State) -> Round:
    times = tuple(found["times_ms"])
    cpu, signals = tuple(found["cpu_ms"]), Signals(**found["signals"])
    return Round(found["argv"], found["init_ms"], found["first_ms"], times, latency(times), cpu, before, after, signals)


def _placement(coverage: Answer) -> Placement:
    """XNNPACK is asked for; the builtin kernels run what it leaves."""
    counts = (coverage["nodes"], coverage["delegated"], coverage["partitions"])
    taken = bool(coverage["delegated"])
    obtained = "xnnpack" if taken else "builtin"
    return Placement("xnnpack", obtained, *counts, tuple(coverage["outside"]), fell_back=not taken)


def _end(described: Answer) -> End:
    return End(described["dtype"], tuple(described["shape"]))


def _tool() -> Tool:
    """LiteRT's Python package; its hash is the shared library's."""
    library = Path(str(distribution("ai-edge-litert").locate_file("ai_edge_litert/libLiteRt.so")))
    digest = sha256(library.read_bytes()) if library.is_file() else None
    return Tool("ai-edge-litert", version("ai-edge-litert"), digest, "interpreter")
