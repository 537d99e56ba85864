"""Phones at the end of adb, measured in parallel; an interrupt or a failure leaves nothing on them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

from sr2tflite.bench.ending import ending_is_an_interrupt
from sr2tflite.bench.flex import content_of
from sr2tflite.bench.phone.adb import Adb, chosen, find_adb
from sr2tflite.bench.phone.calls import Calls
from sr2tflite.bench.phone.facts import hashed
from sr2tflite.bench.phone.measure import bench_on_phone
from sr2tflite.bench.phone.models import prepared
from sr2tflite.bench.phone.phone import Phone
from sr2tflite.bench.phone.plan import PhonePlan
from sr2tflite.bench.result import BenchReport, BenchResult, Failure
from sr2tflite.errors import Sr2TfliteError
from sr2tflite.files import alone, cache_folder, make_folder
from sr2tflite.progress import Progress, remark, silent

Results = tuple[BenchResult, ...]


def bench_on_phones(
    paths: Sequence[Path],
    plan: PhonePlan,
    *,
    serials: Sequence[str] = (),
    every: bool = False,
    adb: Path | None = None,
    progress: Progress = silent,
) -> BenchReport:
    """Measure files on one phone or several.

    Args:
        paths: ``.tflite`` files; the first is what the others are compared with.
        plan: How.
        serials: Which phones; none is the only one.
        every: All that adb can use.
        adb: The program; None looks for it.
        progress: Told after each round; from one thread at a time.

    Raises:
        UnsupportedError: A file needs Flex ops.
        MissingError: There is no adb, or no ``benchmark_model`` for the phone.
        DeviceError: A phone cannot be used, or ended badly; where others did not, that is in the report.
        InputError: A file is not for LiteRT.
        VerificationError: A phone's processor answers otherwise than this computer's.
        KeyboardInterrupt: It was interrupted; the phones were cleaned.
    """
    for path in paths:
        content_of(path)
    calls, cleaning = Calls(), Calls()
    client = Adb(find_adb(adb), calls)
    client.version()
    phones = [Phone(client, one.serial) for one in chosen(client, serials, every=every, progress=progress)]
    cleaners = [Phone(Adb(client.binary, cleaning), phone.serial) for phone in phones]
    models = prepared(paths, plan.size)
    progress = _one_at_a_time(progress)

    def measure(phone: Phone, cleaner: Phone) -> Results:
        return bench_on_phone(phone, cleaner, models, plan, progress)

    with _to_oneself(phones, progress), ending_is_an_interrupt():
        futures = _all(measure, phones, cleaners, progress)
    return _report(phones, futures, progress)


def _all(
    measure: Callable[[Phone, Phone], Results], phones: Sequence[Phone], cleaners: Sequence[Phone], progress: Progress
) -> list[Future[Results]]:
    """Every phone in a thread; an interrupt ends what they run, and a second one also the cleaning."""
    with ThreadPoolExecutor(len(phones)) as pool:
        futures: list[Future[Results]] = []
        try:
            futures.extend(pool.submit(measure, *pair) for pair in zip(phones, cleaners, strict=True))
            wait(futures)
        except KeyboardInterrupt:
            phones[0].adb.calls.stop()
            remark(progress, "interrupted", "removing what was pushed")
            try:
                wait(futures)
            except KeyboardInterrupt:
                cleaners[0].adb.calls.stop()
            raise
    return futures


def _report(phones: Sequence[Phone], futures: Sequence[Future[Results]], progress: Progress) -> BenchReport:
    """What all found; a failure is told beside the others' results, and alone is the error."""
    results: list[BenchResult] = []
    failed: list[tuple[str, Sr2TfliteError]] = []
    for phone, future in zip(phones, futures, strict=True):
        error = future.exception()
        if error is None:
            results.extend(future.result())
        elif isinstance(error, Sr2TfliteError):
            failed.append((phone.serial, error))
        else:
            raise error
    if failed and not results:
        raise failed[0][1]
    for serial, error in failed:
        remark(progress, serial, str(error).removeprefix(f"{serial}: "))
    return BenchReport(tuple(results), tuple(_failure(*one) for one in failed))


def _failure(serial: str, error: Sr2TfliteError) -> Failure:
    """As the result keeps it: adb's own words may hold the serial number."""
    return Failure(
        hashed(serial), type(error).__name__, error.message.replace(serial, hashed(serial)), error.exit_status
    )


@contextmanager
def _to_oneself(phones: Sequence[Phone], progress: Progress) -> Iterator[None]:
    """Let one process at a time use a phone: two would disturb each other, and one would sweep the other's folder."""
    folder = cache_folder() / "phones"
    make_folder(folder)
    with ExitStack() as stack:
        for phone in sorted(phones, key=lambda one: one.serial):
            lock = folder / hashed(phone.serial)
            lock.touch()
            busy = f"another process measures on {phone.serial}: waiting for it"
            stack.enter_context(alone(lock, lambda busy=busy: remark(progress, "waiting", busy)))  # type: ignore[misc]
        yield


def _one_at_a_time(progress: Progress) -> Progress:
    lock = Lock()

    def told(what: str, done: int, total: int, detail: str = "") -> None:
        with lock:
            progress(what, done, total, detail)

    return told
