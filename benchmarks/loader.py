"""Whether training waits for its data: the loader against a training step, and both together, with and without workers.

Usage: python benchmarks/loader.py [--data DIR ...] [--threads 2] [--workers 0 1 2] [--seconds 20]
           [--student aio_mai]

Batches are 16 × 64² LR ×3; the step is the float one of a student, by default aio_mai 32×8. Without --data, images are
generated. Rounds with each number of workers take turns, so that what else the machine does is shared alike.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from sr2tflite.data.ahead import Ahead
from sr2tflite.data.cache import open_cache
from sr2tflite.data.images import write_image
from sr2tflite.data.patches import Batch, Patches
from sr2tflite.networks.students import STUDENTS

BATCH, PATCH, SCALE = 16, 64, 3
STEPS = 6
"""Training steps a round."""


def generated(folder: Path) -> Path:
    """24 images of 2K height, smooth noise, as PNG."""
    rng = np.random.default_rng(0)
    for index in range(24):
        coarse = rng.integers(0, 256, (113, 170, 3), np.uint8)
        write_image(folder / f"{index:02}.png", coarse.repeat(12, 0).repeat(12, 1))
    return folder


def training_step(name: str) -> Callable[[Batch], None]:
    """A whole step of a student: forward, L1, backward, Adam."""
    torch.manual_seed(0)
    _, student = STUDENTS.parse(name)
    module = student.build()
    optimizer = torch.optim.Adam(module.parameters(), 1e-4)

    def step(batch: Batch) -> None:
        optimizer.zero_grad()
        (module(batch.lr * (student.peak / 255)) - batch.hr * (student.peak / 255)).abs().mean().backward()
        optimizer.step()

    return step


def milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


def loader_alone(patches: Patches, workers: int) -> tuple[float, float]:
    """(milliseconds a batch, milliseconds of the processor's own a batch), nothing else going on in this process."""
    count = 100
    with Ahead(patches, count, workers) as batches:
        own = time.process_time()
        took = milliseconds(lambda: [batches(step) for step in range(count)])
        return took / count, 1000 * (time.process_time() - own) / count


def one_round(patches: Patches, step: Callable[[Batch], None], workers: int) -> list[tuple[float, float]]:
    """(milliseconds waited for the batch, milliseconds of the step) of some steps."""
    found: list[Batch] = []
    times = []
    with Ahead(patches, STEPS + 1, workers) as batches:
        step(batches(0))  # the first one is nobody's wait: it has nothing to hide behind
        for number in range(1, STEPS + 1):
            waited = milliseconds(lambda number=number: found.append(batches(number)))
            times.append((waited, milliseconds(lambda: step(found.pop()))))
    return times


def together(
    patches: Patches, step: Callable[[Batch], None], workers: list[int], seconds: float
) -> dict[int, list[tuple[float, float]]]:
    """What :func:`one_round` gives for each number of workers, rounds taking turns."""
    times: dict[int, list[tuple[float, float]]] = {count: [] for count in workers}
    until = time.monotonic() + seconds * len(workers)
    while time.monotonic() < until:
        for count in workers:
            times[count] += one_round(patches, step, count)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--student", default="aio_mai")
    parser.add_argument("--seconds", type=float, default=20.0)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SR2TFLITE_CACHE"] = str(Path(folder) / "cache")
        entries = told.data or [generated(Path(folder) / "images")]
        began = time.perf_counter()
        cache = open_cache(entries, SCALE)
        decoding = time.perf_counter() - began
        print(f"{len(cache)} images, {cache.path.stat().st_size / 1e6:.0f} MB: decoded in {decoding:.1f} s")
        patches = Patches(cache, patch=PATCH, batch=BATCH, seed=0)
        for count in told.workers:
            took, own = loader_alone(patches, count)
            print(f"workers {count}: {1000 / took:.0f} batches/s; {took:.1f} ms a batch, {own:.1f} ms of a processor's")
        for count, times in together(patches, training_step(told.student), told.workers, told.seconds).items():
            waited, step = (statistics.median(column) for column in zip(*times, strict=True))
            share = sum(wait for wait, _ in times) / sum(wait + took for wait, took in times)
            ratio = step / max(waited, 1e-9)
            print(f"workers {count}: waits {waited:.2f} ms a step of {step:.0f} ms, {ratio:.0f}×; {100 * share:.2f} %")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {told.threads} threads")


if __name__ == "__main__":
    main()
