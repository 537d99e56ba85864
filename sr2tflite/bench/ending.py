"""A polite end of this process, so that nothing is left running or lying about."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_END_SIGNAL_OF_PARENT = 1
"""PR_SET_PDEATHSIG of <linux/prctl.h>."""


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


def end_with(parent: int) -> None:
    """Let this process end with the one that started it, also where that was interrupted while starting it.

    A request to Linux's kernel (prctl, PR_SET_PDEATHSIG); elsewhere nothing happens.

    Args:
        parent: Number of the process that started this one, which may be gone.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_END_SIGNAL_OF_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(signal.SIGKILL)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
