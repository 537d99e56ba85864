"""The training loop: one for float students and for quantized training, resumable at any step."""

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from sr2tflite.errors import DivergedError, InputError, UnsupportedError
from sr2tflite.files import append_line, make_folder
from sr2tflite.progress import Progress, silent
from sr2tflite.train.ema import Average
from sr2tflite.train.settings import LoopSettings
from sr2tflite.train.state import load_state, save_state

BatchT = TypeVar("BatchT")


@dataclass
class Task(Generic[BatchT]):
    """What is trained, on what, towards what."""

    module: nn.Module
    """Trained in place."""

    groups: list[dict[str, Any]]
    """Adam's parameter groups; a group's ``lr`` is relative to the settings' learning rate, and a group with ``until``
    is trained for that share of the steps only."""

    batches: Callable[[int], BatchT]
    """The batch of a step."""

    objective: Callable[[nn.Module, BatchT], Tensor]
    """The loss of a batch."""

    validate: Callable[[nn.Module], float]
    """PSNR in dB on held-out training images."""

    after_step: Callable[[nn.Module], None] = lambda _module: None
    """Called after each optimizer step (weight clipping)."""

    origin: str = ""
    """Says what is trained on what, for instance by a hash; unfinished work of another origin is not gone on with."""


@dataclass(frozen=True)
class Fitted:
    """How a training ended; the module holds the best weights found."""

    best_psnr: float
    """On the held-out training images, in dB."""
    best_step: int
    steps: int


def learning_rate_factor(step: int, settings: LoopSettings) -> float:
    """Linear warm-up, then a cosine down to 1 %."""
    warm = settings.warmup * settings.steps
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / max(1.0, settings.steps - warm)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class Training(Generic[BatchT]):
    """One run of the loop; its state lives in ``folder`` and a second call goes on where the first stopped."""

    def __init__(self, task: Task[BatchT], settings: LoopSettings, folder: Path) -> None:
        self.task, self.settings, self.folder = task, settings, folder
        make_folder(folder)
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells the precision it was told
        self.fabric = Fabric(accelerator="auto", devices=1, precision=settings.precision)
        groups = [{**group, "base": group.get("lr", 1.0)} for group in task.groups]
        optimizer = torch.optim.Adam(groups, lr=settings.learning_rate)
        self.module, self.optimizer = self.fabric.setup(task.module, optimizer)
        self.average = Average(task.module, settings.ema)
        self.step = 0
        self.best: tuple[float, int] = (-math.inf, -1)

    def run(self, progress: Progress = silent) -> Fitted:
        """Train to the last step, then put the best weights into the module.

        Raises:
            DivergedError: The loss is not finite, or the weights have left what the module can compute.
        """
        self._resume()
        if self.step == 0:
            self._validate()
        try:
            self._train(progress)
        except UnsupportedError as error:  # the start was supported: what is not came with training
            raise self._diverged(error.message) from error
        if self.best[1] >= 0:
            best = load_state(self.folder / "best.pt")
            assert best is not None, "it is written before the state that names it"
            self.task.module.load_state_dict(best)
        return Fitted(*self.best, self.step)

    def _train(self, progress: Progress) -> None:
        saved_at = time.monotonic()
        while self.step < self.settings.steps:
            loss = self._one_step()
            validates = self.step % self.settings.validate_every == 0 or self.step == self.settings.steps
            psnr = self._validate() if validates else None
            saves = validates or time.monotonic() - saved_at > self.settings.save_every_s
            if saves or self.step % 20 == 0:
                value = float(loss)
                self._check(value)
                if saves:
                    self._save()
                    saved_at = time.monotonic()
                progress("training", self.step, self.settings.steps, f"loss {value:.5f}, best {self.best[0]:.3f} dB")
                self._log(value, psnr)

    def _one_step(self) -> Tensor:
        factor = learning_rate_factor(self.step, self.settings)
        for group in self.optimizer.param_groups:
            is_over = self.step >= group.get("until", 1.0) * self.settings.steps
            group["lr"] = 0.0 if is_over else self.settings.learning_rate * group["base"] * factor
        self.module.train()
        loss = self.task.objective(self.module, self.task.batches(self.step))
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.fabric.clip_gradients(
            self.module, self.optimizer, max_norm=self.settings.gradient_clip, error_if_nonfinite=False
        )
        self.optimizer.step()
        self.task.after_step(self.task.module)
        self.average.update()
        self.step += 1
        return loss.detach()

    def _validate(self) -> float:
        with self.average.applied(), torch.no_grad():
            self.task.module.eval()
            psnr = self.task.validate(self.task.module)
            if psnr > self.best[0]:
                self.best = (psnr, self.step)
                save_state(self.folder / "best.pt", self.task.module.state_dict())
        return psnr

    def _check(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise self._diverged(f"the loss is {loss}; expected a finite one")

    def _diverged(self, what: str) -> DivergedError:
        hint = f"lower learning_rate (it is {self.settings.learning_rate:g}), and remove this folder to start anew"
        return DivergedError(f"at step {self.step}: {what}", where=str(self.folder), hint=hint)

    def _log(self, loss: float, psnr: float | None) -> None:
        row = {"step": self.step, "loss": loss, "psnr": psnr, "time": time.time()}
        append_line(self.folder / "log.jsonl", json.dumps(row))

    def _save(self) -> None:
        state = {
            "settings": self.settings.model_dump_json(),
            "origin": self.task.origin,
            "step": self.step,
            "best": list(self.best),
            "module": self.task.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
        }
        save_state(self.folder / "last.pt", state)

    def _refuse_other(self, what: str, found: str, expected: str) -> None:
        if found != expected:
            raise InputError(
                f"holds a training with other {what}",
                where=str(self.folder),
                hint="choose another output, or remove this folder to start anew",
            )

    def _resume(self) -> None:
        state = load_state(self.folder / "last.pt")
        if state is None:
            return
        self._refuse_other("settings", state["settings"], self.settings.model_dump_json())
        self._refuse_other("weights or images", state.get("origin", self.task.origin), self.task.origin)
        self.task.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.step, self.best = state["step"], (state["best"][0], state["best"][1])
