"""The processes of a training, one on each device: how they start, share work, and fail together."""

import logging
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Literal, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sr2tflite.errors import DeviceError, RecipeError, Sr2TfliteError
from sr2tflite.progress import Progress, silent
from sr2tflite.train.settings import LoopSettings

T = TypeVar("T")

Devices = int | Literal["auto"]
"""How many; ``auto`` is every GPU of this machine, or one process on the CPU."""

LONGEST = timedelta(days=7)
"""That processes wait for one that works alone, such as asking a teacher: work of an hour is no failure."""


class Team:
    """All processes of a training; each holds one, and every process must make the same calls in the same order.

    Args:
        fabric: Its processes are running.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.size: int = fabric.world_size
        self.number: int = fabric.global_rank
        """Of this process, from 0."""
        self.leads = self.number == 0
        """Whether this process writes files, validates and tells how it goes."""
        self.device: torch.device = fabric.device

    def told(self, progress: Progress) -> Progress:
        """The progress of the process that leads; the others are silent."""
        return progress if self.leads else silent

    def by_first(self, action: Callable[[], T]) -> T:
        """What an action gives that the first process alone carries out; where it fails there, it fails everywhere."""
        if self.size == 1:
            return action()
        made = self._together(action, acts=self.leads)
        (result,) = self.fabric.broadcast(made)
        return cast(T, result)

    def in_turn(self, action: Callable[[], T]) -> T:
        """What an action gives on this process, after the first one, whose files it then finds.

        First the first process, then the first of every other node, whose disk may be its own, then the rest.
        """
        turn = 0 if self.leads else 1 if self.fabric.local_rank == 0 else 2
        made = [result for now in range(3) for result in self._together(action, acts=now == turn)]
        return made[0]

    def mean(self, values: Tensor) -> Tensor:
        """The mean of every process's values."""
        return values if self.size == 1 else self._reduced(values, "mean")

    def smallest(self, values: Tensor) -> Tensor:
        """The smallest of every process's values, element by element."""
        return values if self.size == 1 else self._reduced(values, "min")

    def _reduced(self, values: Tensor, how: str) -> Tensor:
        reduced: Tensor = self.fabric.all_reduce(values.clone(), reduce_op=how)
        return reduced

    def _together(self, action: Callable[[], T], *, acts: bool) -> list[T]:
        """Carry an action out on some of the processes; where one of them fails, all do."""
        try:
            made = [action()] if acts else []
        except BaseException as error:
            self._tell(error)
            raise
        for told in self._tell(None):
            if told is not None:
                raise told
        return made

    def _tell(self, error: BaseException | None) -> list[Sr2TfliteError | None]:
        """Every process's error; one that is not ours is told as text."""
        told = error
        if error is not None and not isinstance(error, Sr2TfliteError):
            text = f"process {self.number} of {self.size} stopped with {type(error).__name__}: {error}"
            told = DeviceError(text, hint="see its own message")
        all_told: list[Sr2TfliteError | None] = [None] * self.size
        if self.size > 1:
            torch.distributed.all_gather_object(all_told, told)
        return all_told


def launch(settings: LoopSettings, devices: Devices | None = None) -> Team:
    """Start the processes: this one and, where ``torchrun`` has not started them, the others of this machine.

    The others run this program's command line once more; only what :class:`Team` shares is done once.

    Args:
        settings: Whose batch is shared, and whose precision is used.
        devices: On this machine; None is 1, or what ``torchrun`` says, over as many nodes as it says.

    Raises:
        RecipeError: The batch cannot be shared equally, there are not so many GPUs, ``torchrun`` started another number
            of processes, or the precision needs a GPU.
    """
    here, nodes = _asked(devices)
    has_gpu = torch.cuda.is_available()
    _refuse(settings, here, nodes, has_gpu)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells the precision it was told
    several = here * nodes > 1
    fabric = Fabric(
        accelerator="auto" if not several else "cuda" if has_gpu else "cpu",
        strategy=DDPStrategy(timeout=LONGEST) if several else "auto",
        devices=here,
        num_nodes=nodes,
        precision=settings.precision,
    )
    fabric.launch()
    return Team(fabric)


def _asked(devices: Devices | None) -> tuple[int, int]:
    """(devices on this node, nodes)."""
    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        here, world = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
        if devices not in (None, "auto", here):
            raise RecipeError(
                f"torchrun started {here} processes on this node; expected {devices}, as --devices says",
                hint="leave --devices out",
            )
        return here, world // here
    if devices == "auto":
        return max(1, torch.cuda.device_count()), 1
    return devices or 1, 1


def _refuse(settings: LoopSettings, here: int, nodes: int, has_gpu: bool) -> None:
    world = here * nodes
    if settings.batch % world:
        larger = -(-settings.batch // world) * world
        raise RecipeError(f"batch {settings.batch} does not divide by {world} devices", hint=f"--set batch={larger}")
    if has_gpu and here > torch.cuda.device_count():
        raise RecipeError(f"there are {torch.cuda.device_count()} GPUs; expected {here}", hint="--devices auto")
    if settings.precision == "16-mixed" and not has_gpu:
        hint = "--set precision=bf16-mixed, or 32-true"
        raise RecipeError("precision 16-mixed needs a GPU, and there is none", hint=hint)


def share_statistics(module: nn.Module, team: Team) -> None:
    """Let batch normalization see the global batch.

    Raises:
        RecipeError: The module has some and runs on several processes of a CPU, where it cannot.
    """
    if team.size == 1 or not any(isinstance(layer, _BatchNorm) for layer in module.modules()):
        return
    if team.device.type != "cuda":
        raise RecipeError(
            "batch normalization takes its statistics over the whole batch, and processes on a CPU cannot share them",
            hint="--devices 1",
        )
    nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
