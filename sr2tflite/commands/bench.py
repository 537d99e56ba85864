"""``sr2tflite bench``: latency of ``.tflite`` files on this computer."""

from collections.abc import Sequence
from pathlib import Path

from sr2tflite.bench.host import Plan, bench_on_host
from sr2tflite.bench.result import BenchResult
from sr2tflite.errors import InputError
from sr2tflite.progress import Progress, silent


def bench(
    models: Sequence[Path],
    *,
    threads: int = 1,
    warmup: int = 2,
    runs: int = 10,
    rounds: int = 3,
    size: tuple[int, int] | None = None,
    progress: Progress = silent,
) -> BenchResult:
    """Time models side by side, in fresh processes and interleaved rounds.

    Args:
        models: ``.tflite`` files; the first is what the others are compared with.
        threads: Of the runtime.
        warmup: Inferences per round, after the first one, that are not counted.
        runs: Timed inferences per round.
        rounds: Fresh processes per model.
        size: Height and width for free-shape files; None is 720 × 1280, the ×3 way to 4K.
        progress: Called after each round.

    Raises:
        InputError: No model, a file that LiteRT refuses, or a count out of range.
        DeviceError: A timed process died.
    """
    if not models:
        raise InputError("no model to measure", hint="name a .tflite file")
    if min(threads, runs, rounds, *(size or (1,))) < 1 or warmup < 0:
        raise InputError("threads, runs, rounds and size must be at least 1, warm-up at least 0")
    plan = Plan(threads, warmup, runs, rounds, size or Plan.size)
    return bench_on_host(models, plan, progress)
