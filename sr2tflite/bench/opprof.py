"""The time of every op, in a process of its own: ``python -m sr2tflite.bench.opprof JOB``.

The job is that of ``bench.worker``; the answer is ``{"ops": [{"op", "delegate", "ms"}]}`` or, where this LiteRT
lets nobody look, ``{"unknown": why}``. It comes through LiteRT's compiled model and not its interpreter: it tells which
op takes how much of the time, not how long an inference takes.
"""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from sr2tflite.bench.image import noise, size_for
from sr2tflite.bench.litert_c import Event, NoProfiler, ProfiledModel
from sr2tflite.bench.worker import answer
from sr2tflite.runtime import LiteRT

BUILTIN, DELEGATED = 1 << 1, 1 << 2 | 1 << 3
"""Kinds of events: an op by the runtime's own kernel; an op inside a delegate. All others are of the whole run."""

RUNS = 20
"""At most; fewer where one second is over."""


def profile(job: dict[str, Any]) -> dict[str, Any]:
    """Mean time of every op over some inferences, in the order in which they ran."""
    engine = LiteRT(Path(job["model"]))
    size = tuple(job["size"]) if job["resize"] else size_for(engine, job["size"])
    try:
        model = ProfiledModel(Path(job["model"]), None if size == engine.fixed_size else size, job["threads"])
        model.feed(noise(engine.input["dtype"], model.shape).tobytes())
        model.run()
        runs = _runs(model)
    except NoProfiler as why:
        return {"unknown": f"no op times: LiteRT's profiler cannot be used: {why}"}
    sequences = {tuple((one["op"], one["delegate"]) for one in run) for run in runs}
    if len(sequences) != 1 or not runs[0]:
        return {"unknown": "no op times: LiteRT's profiler told other ops in every run"}
    times = np.mean([[one["ms"] for one in run] for run in runs], axis=0)
    return {"ops": [{**one, "ms": float(ms)} for one, ms in zip(runs[0], times, strict=True)]}


def _runs(model: ProfiledModel) -> list[list[dict[str, Any]]]:
    """The ops of each of some inferences."""
    runs: list[list[dict[str, Any]]] = []
    start = perf_counter()
    while not runs or (len(runs) < RUNS and perf_counter() < start + 1):
        began = perf_counter()
        events = model.events()
        ops = [_op(event) for event in events if event.kind & (BUILTIN | DELEGATED)]
        if sum(op["ms"] for op in ops) > 1e3 * (perf_counter() - began):
            raise NoProfiler("it tells longer times than the clock")
        runs.append(ops)
    return runs


def _op(event: Event) -> dict[str, Any]:
    name = (event.tag or b"").decode(errors="replace")
    return {"op": name, "delegate": "xnnpack" if event.kind & DELEGATED else None, "ms": event.elapsed_us / 1e3}


if __name__ == "__main__":
    answer(profile)
