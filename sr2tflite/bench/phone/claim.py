"""A phone to oneself, by whatever ways it is reached: its cable and the network are two serials of one phone."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sr2tflite.bench.phone.facts import PhoneFacts, hashed
from sr2tflite.bench.phone.phone import Phone
from sr2tflite.files import alone, cache_folder, make_folder
from sr2tflite.progress import Progress, remark

_PAUSE_S = 0.5


class _Busy(Exception):  # noqa: N818  # an answer, not a failure
    """Somebody measures on it."""


@contextmanager
def claimed(phone: Phone, facts: PhoneFacts, progress: Progress) -> Iterator[None]:
    """Wait until nobody else measures on a phone, and let nobody while the block lasts.

    Two would disturb each other, and one would sweep the other's folder away. The wait looks again and again, so that
    an interrupt ends it, as it must in a thread.

    Args:
        phone: As it is reached.
        facts: Its own serial number among them.
        progress: Told of a wait, once.

    Raises:
        KeyboardInterrupt: The phone's calls were stopped.
    """
    folder = cache_folder() / "phones"
    make_folder(folder)
    lock = folder / f"{hashed(facts.properties.get('ro.serialno') or phone.serial)}.itself"
    lock.touch()
    has_waited = False
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(alone(lock, _busy))
                break
            except _Busy:
                if not has_waited:
                    remark(progress, "waiting", f"{phone.serial} is measured on by another way: waiting for that")
                has_waited = True
                phone.adb.calls.pause(_PAUSE_S)
        yield


def _busy() -> None:
    raise _Busy
