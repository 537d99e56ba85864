"""``sr2tflite bench --android``: latency of ``.tflite`` files on phones."""

from collections.abc import Sequence
from pathlib import Path

from sr2tflite.bench.phone.phones import bench_on_phones
from sr2tflite.bench.phone.plan import PhonePlan
from sr2tflite.bench.result import BenchReport
from sr2tflite.errors import InputError
from sr2tflite.progress import Progress, silent


def bench_android(
    models: Sequence[Path],
    plan: PhonePlan | None = None,
    *,
    serials: Sequence[str] = (),
    every: bool = False,
    adb: Path | None = None,
    progress: Progress = silent,
) -> BenchReport:
    """Time models side by side on one phone or several, in fresh processes and interleaved rounds.

    Args:
        models: ``.tflite`` files; the first is what the others are compared with.
        plan: How; None is the usual way.
        serials: Which phones, as ``adb devices`` lists them; none is the only one there.
        every: All phones that adb can use.
        adb: The program; None looks for it.
        progress: Called after each round.

    Returns:
        A result for each phone and number of threads, and what became of phones that failed beside others.

    Raises:
        UnsupportedError: A file needs Flex ops.
        MissingError: There is no adb, or no ``benchmark_model`` for the phone.
        DeviceError: No phone can be used.
        InputError: No model, a file that LiteRT refuses, or a number out of range.
        VerificationError: The phone's processor answers otherwise than this computer's.
    """
    if not models:
        raise InputError("no model to measure", hint="name a .tflite file")
    plan = plan or PhonePlan()
    plan.check()
    return bench_on_phones(models, plan, serials=serials, every=every, adb=adb, progress=progress)
