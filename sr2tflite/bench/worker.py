"""One pass over one model in a process of its own: ``python -m sr2tflite.bench.worker JOB``.

The job is JSON: ``{"model", "size", "resize", "threads", "cpus", "warmup", "runs", "seconds", "parent"}``; the answer,
one line of JSON on stdout, is what ``bench.host`` makes a ``Round`` of. Imports NumPy and LiteRT only, so that the
memory and the start-up measured are the model's.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from sr2tflite.bench.ending import end_with
from sr2tflite.bench.image import image_for, size_for
from sr2tflite.bench.placing import delegated
from sr2tflite.bench.signals import between, counters, peak_memory_kib
from sr2tflite.errors import Sr2TfliteError
from sr2tflite.runtime import LiteRT

MOST_RUNS = 1000
"""A round's; more of one process tell nothing that fewer of another would not tell better."""


def timed_ms(action: Callable[[], Any]) -> float:
    """How long a call takes."""
    start = perf_counter()
    action()
    return (perf_counter() - start) * 1e3


def timed_both_ms(action: Callable[[], Any]) -> tuple[float, float]:
    """How long a call takes by the clock, and how long the process's threads computed for it."""
    start = process_time()
    elapsed = timed_ms(action)
    return elapsed, (process_time() - start) * 1e3


def repeated(action: Callable[[], Any], count: int, seconds: float) -> list[tuple[float, float]]:
    """A call timed until both the count and the time are reached, though not more than ``MOST_RUNS`` beyond the count.

    Returns:
        Milliseconds by the clock and of computing, for each.
    """
    times: list[tuple[float, float]] = []
    end = perf_counter() + seconds
    while len(times) < count or (perf_counter() < end and len(times) < MOST_RUNS):
        times.append(timed_both_ms(action))
    return times


def _described(detail: dict[str, Any], shape: Any) -> dict[str, Any]:
    return {"dtype": np.dtype(detail["dtype"]).name, "shape": [int(one) for one in shape]}


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Load, first run, warm-up, runs; times are of the inference alone, without copying in and out.

    Raises:
        InputError: LiteRT refuses the file or the size, or the file does not take one image.
    """
    import ai_edge_litert.interpreter  # noqa: F401  # imported here so that the load below times the model alone

    path, engines = Path(job["model"]), []
    forced = tuple(job["size"]) if job["resize"] else None
    init_ms = timed_ms(lambda: engines.append(LiteRT(path, threads=job["threads"], size=forced)))
    (engine,) = engines
    own = size_for(engine, job["size"])
    x = image_for(engine, forced or own)
    init_ms += timed_ms(lambda: engine.feed(x))
    first_ms = timed_ms(engine.invoke)
    repeated(engine.invoke, job["warmup"], job["seconds"])
    before = counters()
    times = repeated(engine.invoke, job["runs"], job["seconds"])
    return {
        "init_ms": init_ms,
        "first_ms": first_ms,
        "times_ms": [elapsed for elapsed, _ in times],
        "cpu_ms": [computed for _, computed in times],
        "signals": between(before, counters()),
        "peak_memory_kib": peak_memory_kib(),
        "input": _described(engine.input, x.shape),
        "output": _described(engine.output, engine.fetch().shape),
        "coverage": delegated(engine.plan()),
    }


def answer(action: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer the job on the command line; a refusal is an answer too."""
    job = json.loads(sys.argv[1])
    end_with(job["parent"])
    if job["cpus"] is not None:
        os.sched_setaffinity(0, job["cpus"])  # before the runtime starts any thread
    try:
        found = action(job)
    except Sr2TfliteError as error:
        found = {"refused": error.message, "hint": error.hint}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    answer(measure)
