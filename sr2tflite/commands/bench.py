"""``sr2tflite bench``: latency of ``.tflite`` files on this machine."""

from collections.abc import Sequence
from pathlib import Path

from sr2tflite.bench.host import bench_on_host
from sr2tflite.bench.plan import Plan
from sr2tflite.bench.plot import picture
from sr2tflite.bench.result import BenchReport
from sr2tflite.errors import InputError
from sr2tflite.files import write_bytes
from sr2tflite.progress import Progress, silent


def bench(models: Sequence[Path], plan: Plan | None = None, *, progress: Progress = silent) -> BenchReport:
    """Time models side by side, in fresh processes and interleaved rounds.

    Args:
        models: ``.tflite`` files; the first is what the others are compared with.
        plan: How; None is the usual way.
        progress: Called after each process.

    Returns:
        A result for each size and number of threads.

    Raises:
        InputError: No model, a file that LiteRT refuses, or a count out of range.
        DeviceError: A timed process died.
    """
    if not models:
        raise InputError("no model to measure", hint="name a .tflite file")
    plan = plan or Plan()
    plan.check()
    return bench_on_host(models, plan, progress)


def draw(report: BenchReport, path: Path) -> None:
    """Write the picture of a report: every timed run, and with several sizes the time per megapixel.

    Raises:
        StorageError: The place may not be written.
    """
    write_bytes(path, picture(report))
