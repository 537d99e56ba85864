"""Work done ahead of its use, in order, by threads: what is next is ready, and never much more than that.

Threads are enough: decoding, copying out of memory-mapped files and hashing leave Python's lock to others.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

WAITING = 2
"""Results a thread that may be done and not yet taken."""


def in_order(
    function: Callable[[ItemT], ResultT], items: Iterable[ItemT], threads: int
) -> Generator[ResultT, None, None]:
    """``map(function, items)``, worked out ahead by so many threads; with none, when it is asked for.

    What a call raises is raised where its result would have come. Closing the generator waits for calls that are going
    on and drops the others.
    """
    if not threads:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="ahead") as pool:
        waiting: deque[Future[ResultT]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > WAITING * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class Ahead(Generic[ResultT]):
    """The batches of a training, made ahead of their steps; the same whatever the number of workers.

    To be used in a ``with`` block, which ends its threads.

    Args:
        batches: The batch of a step, a function of the step alone.
        steps: Of the training; nothing is made beyond them.
        workers: Threads; 0 makes each batch when it is asked for.
    """

    def __init__(self, batches: Callable[[int], ResultT], steps: int, workers: int) -> None:
        self._batches, self._steps, self._workers = batches, steps, workers
        self._next = -1
        self._coming: Generator[ResultT, None, None] | None = None

    def __call__(self, step: int) -> ResultT:
        """The batch of a step; those after it are made next."""
        if step != self._next or self._coming is None:
            self.close()
            self._coming = in_order(self._batches, range(step, max(self._steps, step + 1)), self._workers)
        self._next = -1  # what fails is tried anew
        batch = next(self._coming)
        self._next = step + 1
        return batch

    def close(self) -> None:
        """End the threads."""
        if self._coming is not None:
            self._coming.close()
            self._coming = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
