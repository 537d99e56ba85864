"""Threads over strips of rows; NumPy lets other threads run while it computes."""

import ctypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module

STRIP_BYTES = 1 << 20
"""What a strip's largest buffer may hold: about one core's level-2 cache."""


class Workers:
    """Runs a function over ranges of rows, on one or several threads.

    Args:
        threads: How many.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def strips(self, rows: int, row_bytes: int, run: Callable[[int, int], None]) -> None:
        """Call ``run(first, last)`` for strips that cover all rows, each of about ``STRIP_BYTES``.

        Args:
            rows: How many rows there are.
            row_bytes: What a row takes in the largest buffer.
            run: What to do with the rows from the first up to, not including, the last.
        """
        height = max(1, min(STRIP_BYTES // max(row_bytes, 1), -(-rows // self.threads)))
        bounds = [(first, min(first + height, rows)) for first in range(0, rows, height)]
        if self.threads == 1 or len(bounds) == 1:
            for bound in bounds:
                run(*bound)
            return
        with one_blas_thread(), ThreadPoolExecutor(self.threads) as pool:
            for done in [pool.submit(run, *bound) for bound in bounds]:
                done.result()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep NumPy's own OpenBLAS to one thread a caller; a NumPy built on another library is left as it is."""
    library = ctypes.CDLL(import_module("numpy._core._multiarray_umath").__file__)
    set_threads = getattr(library, "scipy_openblas_set_num_threads64_", None)
    read_threads = getattr(library, "scipy_openblas_get_num_threads64_", None)
    if set_threads is None or read_threads is None:
        yield
        return
    before = read_threads()
    set_threads(1)
    try:
        yield
    finally:
        set_threads(before)
