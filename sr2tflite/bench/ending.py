"""A polite end of this process, so that nothing is left running or lying about."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_is_an_interrupt() -> Iterator[None]:
    """Let a polite end (SIGTERM, a terminal that closes) go the way of Ctrl-C, so that there is time to clean up."""
    if threading.current_thread() is not threading.main_thread():  # only there may handlers be set
        yield
        return
    heard = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) != signal.SIG_IGN]  # by nohup
    before = {one: signal.signal(one, _interrupt) for one in heard}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
