"""Batches made ahead: in order, the same as without, bounded, and gone when the training is."""

import threading
import time

import pytest

from sr2tflite.data.ahead import WAITING, Ahead, in_order


def _threads() -> int:
    return sum(thread.name.startswith("ahead") for thread in threading.enumerate())


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_every_step_has_its_batch_whatever_the_workers(workers: int) -> None:
    with Ahead(lambda step: step * step, 20, workers) as batches:
        assert [batches(step) for step in range(20)] == [step * step for step in range(20)]
        assert [batches(step) for step in (7, 8, 3, 3, 19, 25)] == [49, 64, 9, 9, 361, 625]
    assert _threads() == 0


def test_the_next_batches_are_made_while_one_is_used() -> None:
    made, ready = [], threading.Event()

    def batch(step: int) -> int:
        made.append(step)
        if step == 2:
            ready.set()
        return step

    with Ahead(batch, 100, 1) as batches:
        assert batches(0) == 0
        assert ready.wait(10)


@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_is_made_ahead_than_may_wait(threads: int) -> None:
    made: list[int] = []
    results = in_order(lambda item: made.append(item) or item, range(1000), threads)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    time.sleep(0.1)
    assert len(made) <= 3 + WAITING * threads
    results.close()
    assert _threads() == 0


def test_nothing_is_made_beyond_the_last_step() -> None:
    made: list[int] = []
    with Ahead(lambda step: made.append(step), 5, 2) as batches:
        for step in range(5):
            batches(step)
    assert sorted(made) == [0, 1, 2, 3, 4]


def test_a_batch_that_fails_fails_at_its_step_and_is_tried_anew() -> None:
    tries: list[int] = []

    def batch(step: int) -> int:
        if step == 3:
            tries.append(step)
            if len(tries) == 1:
                raise OSError("gone")
        return step

    with Ahead(batch, 10, 2) as batches:
        assert [batches(step) for step in range(3)] == [0, 1, 2]
        with pytest.raises(OSError, match="gone"):
            batches(3)
        assert [batches(step) for step in (3, 4)] == [3, 4]
    assert _threads() == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_threads_end_with_a_training_that_is_stopped(error: type[BaseException]) -> None:
    def train() -> None:
        with Ahead(lambda step: step, 10**9, 2) as batches:
            batches(0)
            assert _threads() > 0
            raise error

    with pytest.raises(error):
        train()
    assert _threads() == 0
