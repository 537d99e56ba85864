"""What a step of the training loop costs against a bare PyTorch loop: same module, batch, loss and Adam, taking turns.

The loop's step sets learning rates, clips the gradient, looks for values that are not finite and averages the weights;
the bare one is forward, backward and Adam. The verdict is by computing time, which on one thread is the time on a quiet
computer.

    python benchmarks/train_step.py [--student aio_mai] [--batch 16] [--patch 64] [--threads 1] [--repeats 7]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from sr2tflite.networks.students import STUDENTS
from sr2tflite.train.loop import Training
from sr2tflite.train.settings import TrainSettings
from sr2tflite.train.task import Task

TARGET = 1.10
WARM_UP = 2


def objective(module: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    """L1 in 0…1."""
    loss: Tensor = ((module(lr) - hr) / 255).abs().mean()
    return loss


def bare_step(module: nn.Module, lr: Tensor, hr: Tensor) -> Callable[[], object]:
    """Forward, backward, Adam."""
    optimizer = torch.optim.Adam(module.parameters(), 1e-4)
    module.train()

    def step() -> None:
        loss = objective(module, lr, hr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def loop_step(module: nn.Module, lr: Tensor, hr: Tensor, folder: Path) -> Callable[[], object]:
    """A step of the package's loop."""
    task = Task(
        module,
        [{"params": list(module.parameters())}],
        lambda _step: lr,
        lambda trained, batch: objective(trained, batch, hr),
        lambda _module: 0.0,
    )
    settings = TrainSettings(steps=10**6, batch=len(lr), learning_rate=1e-4)
    return Training(task, settings, folder)._one_step


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", default="aio_mai")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    torch.manual_seed(0)
    student = STUDENTS[told.student].model_validate({"peak": 255})
    lr = torch.randint(0, 256, (told.batch, 3, told.patch, told.patch)).float()
    hr = torch.randint(0, 256, (told.batch, 3, *(student.scale * told.patch,) * 2)).float()
    with tempfile.TemporaryDirectory() as folder:
        steps = {
            "bare": bare_step(student.build(), lr, hr),
            "loop": loop_step(student.build(), lr, hr, Path(folder)),
        }
        computed: dict[str, list[float]] = {name: [] for name in steps}
        waited: dict[str, list[float]] = {name: [] for name in steps}
        for repeat in range(told.repeats + WARM_UP):
            for name, step in steps.items():
                start, began = time.process_time(), time.perf_counter()
                step()
                if repeat >= WARM_UP:
                    computed[name].append(time.process_time() - start)
                    waited[name].append(time.perf_counter() - began)
    for what, times in (("computing", computed), ("waiting", waited)):
        bare, loop = (statistics.median(times[name]) for name in ("bare", "loop"))
        pairs = [one / other for one, other in zip(times["loop"], times["bare"], strict=True)]
        told_ratio = f"{loop / bare:.3f}× (pairs {min(pairs):.3f} to {max(pairs):.3f})"
        print(f"{what}: bare {1000 * bare:.0f} ms, loop {1000 * loop:.0f} ms a step: {told_ratio}")
    ratio = statistics.median(computed["loop"]) / statistics.median(computed["bare"])
    print(f"{told.student}, {told.batch} × {told.patch}², {told.threads} threads: {ratio:.3f}×, at most {TARGET}×")
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
