"""Small trainings that one process, or each of several, carries out; run as a program, it is one of several.

``torchrun --nproc-per-node 2 tests/kit/teamwork.py FOLDER`` leaves ``FOLDER/KIND/log.jsonl`` and, of each process,
``FOLDER/processN.json``: for each training, digests of all weights after each step, or the error it ended with.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from sr2tflite.data.patches import Batch
from sr2tflite.errors import InputError, Sr2TfliteError, StorageError
from sr2tflite.networks.students import STUDENTS
from sr2tflite.quant.clip import WeightClipper
from sr2tflite.quant.methods.odm import Odm
from sr2tflite.quant.settings import FixedClip, PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.train.devices import Team, launch
from sr2tflite.train.gradients import Apart
from sr2tflite.train.loop import Training
from sr2tflite.train.losses import Sample, Total
from sr2tflite.train.settings import LoopSettings
from sr2tflite.train.task import Task, Terms

STEPS = 12
SETTINGS = LoopSettings(
    steps=STEPS, batch=4, learning_rate=1e-3, validate_every=1, losses=("charbonnier", {"name": "dct", "weight": 0.02})
)
TOTAL = Total(SETTINGS.losses)


def batch_of(step: int) -> Batch:
    rng = np.random.default_rng(step)
    lr = torch.from_numpy(rng.integers(0, 256, (SETTINGS.batch, 3, 8, 8)).astype(np.float32))
    noise = torch.from_numpy(rng.normal(0, 8, (SETTINGS.batch, 3, 24, 24)).astype(np.float32))
    return Batch(lr, (lr.repeat_interleave(3, 2).repeat_interleave(3, 3) + noise).clamp(0, 255), step)


@dataclass
class Witness:
    """Notes every weight after every step."""

    clip: Callable[[], None] = lambda: None
    digests: list[str] = field(default_factory=list)

    def __call__(self, module: nn.Module) -> None:
        self.clip()
        data = b"".join(value.detach().contiguous().numpy().tobytes() for value in module.parameters())
        self.digests.append(hashlib.sha256(data).hexdigest())


def objective(module: nn.Module, batch: Batch) -> Terms:
    return TOTAL.terms(Sample(module(batch.lr), batch.hr))


def float_task() -> tuple[Task[Batch], Witness]:
    torch.manual_seed(0)
    module = STUDENTS["plain"](channels=4, depth=1, peak=255).build()
    witness = Witness()
    groups = [{"params": list(module.parameters())}]
    return Task(module, groups, batch_of, objective, lambda _module: 1.0, witness), witness


def quantized_task() -> tuple[Task[Batch], Witness]:
    from kit.graphs import float_sr_graph

    torch.manual_seed(0)
    images = [np.random.default_rng(seed).integers(0, 256, (20, 20, 3), np.uint8) for seed in range(2)]
    quick = PtqSettings(method="minmax", bias_correction=False, rounding="nearest", equalize=False)
    view = QuantizedView.from_float(float_sr_graph(), images, quick)
    # bounds that bite from the first step on
    witness = Witness(WeightClipper(view, FixedClip(body=1e-3, others=1e-3)))
    task = Task(view, view.parameter_groups(range_rate=1.0), batch_of, objective, lambda _module: 1.0, witness)
    return task, witness


def mixed_task() -> tuple[Task[Batch], Witness]:
    """One term's gradient is taken apart and mixed with the other's, by hand."""
    task, witness = float_task()
    of_no_view = cast(QuantizedView, None)  # ODM's mixing remembers nothing
    return replace(task, apart=Apart("dct", partial(Odm().mixed, of_no_view))), witness


class InTurn(nn.Module):
    """Two networks, of which a step computes one: the other's weights have no gradient then."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(STUDENTS["plain"](channels=4, depth=1, peak=255).build() for _ in range(2))
        self.turn = 0

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.parts[self.turn](x)
        return y


def partial_task() -> tuple[Task[Batch], Witness]:
    """Gradients are averaged by hand, since not every weight has one."""
    task, witness = float_task()
    module = InTurn()

    def in_turn(_module: nn.Module, batch: Batch) -> Terms:
        module.turn = batch.step % 2
        return objective(module, batch)

    groups = [{"params": list(module.parameters())}]
    return replace(task, module=module, groups=groups, objective=in_turn, by_hand=True), witness


TASKS = {"float": float_task, "quantized": quantized_task, "mixed": mixed_task, "partial": partial_task}


def train(kind: str, folder: Path, team: Team | None = None) -> list[str]:
    """Carry one of the trainings out, and say which weights it went through."""
    task, witness = TASKS[kind]()
    Training(task, SETTINGS, folder / kind, team).run()
    return witness.digests


def _poisoned(team: Team) -> Callable[[nn.Module, Batch], Tensor]:
    """A loss that is no number on the last process alone, in step 7, and has a gradient nevertheless."""

    def poisoned(module: nn.Module, batch: Batch) -> Tensor:
        loss = module(batch.lr).mean()
        return loss + float("nan") if team.number == team.size - 1 and batch.step == 7 else loss

    return poisoned


def _full_disk(_module: nn.Module) -> float:
    raise StorageError("cannot write: No space left on device", where="best.pt")


def _bug(_module: nn.Module) -> float:
    raise ZeroDivisionError("a bug")


def failures(folder: Path, team: Team) -> dict[str, str]:
    """What each process is told where one of them fails."""
    told: dict[str, str] = {}

    def attempt(name: str, task: Task[Batch], settings: LoopSettings = SETTINGS) -> None:
        try:
            Training(task, settings, folder / name, team).run()
        except (Sr2TfliteError, ZeroDivisionError) as error:
            told[name] = f"{type(error).__name__}: {error}"

    for name, judge in (("full disk", _full_disk), ("bug", _bug)):
        task, _ = float_task()
        task.validate = judge
        attempt(name, task)
    task, _ = float_task()
    task.objective = _poisoned(team)
    attempt("not finite", task, SETTINGS.model_copy(update={"validate_every": STEPS}))
    task.module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    attempt("batch normalization", task)
    (folder / "damaged").mkdir(exist_ok=True)
    (folder / "damaged" / "last.pt").write_bytes(b"torn")
    attempt("damaged", float_task()[0])
    return told


def in_turn(team: Team, folder: Path) -> list[str]:
    """In turn: the first process makes a file, and the others find it."""

    def make() -> str:
        found = folder / "made"
        if found.exists():
            return "found"
        if not team.leads:
            raise InputError("nobody made it")
        found.write_text("")
        return "made"

    return [team.in_turn(make)]


def main() -> None:
    folder = Path(sys.argv[1])
    sys.path.insert(0, str(Path(__file__).parents[1]))  # from kit.graphs import …
    team = launch(SETTINGS)
    report = {kind: train(kind, folder, team) for kind in TASKS}
    report["in turn"] = in_turn(team, folder)
    (folder / f"process{team.number}.json").write_text(json.dumps({**report, "told": failures(folder, team)}))
    os._exit(0)  # as the command line does: gloo's threads abort a process that is already ending


if __name__ == "__main__":
    main()
