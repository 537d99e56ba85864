"""One round of one model in a process of its own: ``python -m sr2tflite.bench.worker``, a job in JSON on stdin.

The job is ``{"model", "size", "threads", "warmup", "runs"}``; the answer, one line of JSON on stdout, is what
``bench.result.Round`` holds. Imports NumPy and LiteRT only, so that the memory and start-up measured are the model's.
"""

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import ai_edge_litert.interpreter  # noqa: F401  # imported here so that the load below times the model alone
import numpy as np

from sr2tflite.errors import InputError, Sr2TfliteError
from sr2tflite.runtime import LiteRT

_KIB_PER_UNIT = 1 if sys.platform != "darwin" else 1 / 1024


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


def delegated(plan: list[dict[str, Any]]) -> dict[str, Any]:
    """How many of a file's nodes a delegate runs, and the names of those it does not.

    A node is inside a delegate's partition when it is met walking back from the partition's outputs to its inputs.
    """
    nodes = [node for node in plan if node["op_name"] != "DELEGATE"]
    makers = {tensor: index for index, node in enumerate(nodes) for tensor in node["outputs"]}
    taken: set[int] = set()
    partitions = [node for node in plan if node["op_name"] == "DELEGATE"]
    for partition in partitions:
        borders, pending = set(partition["inputs"]), list(partition["outputs"])
        while pending:
            tensor = pending.pop()
            maker = makers.get(tensor)
            if maker is None or tensor in borders or maker in taken:
                continue
            taken.add(maker)
            pending.extend(nodes[maker]["inputs"])
    outside = [node["op_name"] for index, node in enumerate(nodes) if index not in taken]
    return {"nodes": len(nodes), "delegated": len(taken), "partitions": len(partitions), "outside": outside}


def seeded_input(engine: LiteRT, size: tuple[int, int]) -> Any:
    """Seeded noise: the same pixels for every model of one input type."""
    channels = int(engine.input["shape"][3])
    pixels = np.random.default_rng(0).integers(0, 256, (1, *size, channels), np.uint8)
    dtype = np.dtype(engine.input["dtype"])
    return (pixels.astype(np.int16) - 128).astype(dtype) if dtype == np.int8 else pixels.astype(dtype)


def _described(detail: dict[str, Any], shape: Any) -> dict[str, Any]:
    return {"dtype": np.dtype(detail["dtype"]).name, "shape": [int(one) for one in shape]}


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Load, first run, warm-up, runs; times are of the inference alone, without copying in and out.

    Raises:
        InputError: LiteRT refuses the file or the size.
    """
    path, engines = Path(job["model"]), []
    content = path.read_bytes()
    init_ms = timed_ms(lambda: engines.append(LiteRT(path, threads=job["threads"])))
    (engine,) = engines
    if len(engine.input["shape"]) != 4:
        raise InputError(f"input is {list(engine.input['shape'])}; expected NHWC", where=job["model"])
    x = seeded_input(engine, engine.fixed_size or tuple(job["size"]))
    init_ms += timed_ms(lambda: engine.feed(x))
    first_ms = timed_ms(engine.invoke)
    for _ in range(job["warmup"]):
        engine.invoke()
    times = [timed_both_ms(engine.invoke) for _ in range(job["runs"])]
    return {
        "init_ms": init_ms,
        "first_ms": first_ms,
        "times_ms": [elapsed for elapsed, _ in times],
        "cpu_ms": [computed for _, computed in times],
        "peak_memory_kib": int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_PER_UNIT),
        "input": _described(engine.input, x.shape),
        "output": _described(engine.output, engine.fetch().shape),
        "coverage": delegated(engine.plan()),
        "size_bytes": len(content),
    }


def main() -> None:
    """Answer the job on stdin; a refusal is an answer too."""
    try:
        answer = measure(json.load(sys.stdin))
    except Sr2TfliteError as error:
        answer = {"refused": error.message, "hint": error.hint}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
