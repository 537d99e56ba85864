"""The training loop: one for float students and for quantized training, resumable at any step."""

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any, Generic

import torch
from pydantic import ValidationError
from torch import Tensor

from sr2tflite.errors import DivergedError, InputError, UnsupportedError
from sr2tflite.files import make_folder, remove_torn
from sr2tflite.progress import Progress, silent
from sr2tflite.train.devices import Team, launch, share_statistics
from sr2tflite.train.ema import Average
from sr2tflite.train.exactness import exact_arithmetic, prove_exact
from sr2tflite.train.gradients import take
from sr2tflite.train.journal import Journal, Row
from sr2tflite.train.parts import part_of
from sr2tflite.train.settings import LoopSettings
from sr2tflite.train.state import latest_state, load_state, replace_state, save_state
from sr2tflite.train.task import BatchT, Task, Terms
from sr2tflite.train.watch import Watch

REPORT_EVERY = 20
"""Steps between two lines of the log; on a GPU, also between two looks at whether the loss is finite."""

WATCHING = {"save_every_s", "tensorboard"}
"""Settings that change nothing of what comes out: a training may go on with others."""


@dataclass(frozen=True)
class Fitted:
    """How a training ended; the module holds the best weights found."""

    best_psnr: float
    """On the held-out training images, in dB."""
    best_step: int
    steps: int


class Training(Generic[BatchT]):
    """One run of the loop; its state lives in ``folder`` and a second call goes on where the first stopped.

    Args:
        task: What is trained.
        settings: How.
        folder: Of the state, the log and the samples.
        team: The processes, each with such a training; None is this one alone, on a GPU where there is one.

    Raises:
        RecipeError: The module has batch normalization, and several processes of a CPU would train it.
        InputError: The folder holds another training, or a damaged one.
        VerificationError: The device does not compute the integers that the CPU does.
    """

    def __init__(self, task: Task[BatchT], settings: LoopSettings, folder: Path, team: Team | None = None) -> None:
        self.task, self.settings, self.folder = task, settings, folder
        self.team = team or launch(settings)
        self.team.by_first(lambda: make_folder(folder))
        share_statistics(task.module, self.team)
        groups = [{**group, "base": group.get("lr", 1.0)} for group in task.groups]
        optimizer = torch.optim.Adam(groups, lr=settings.learning_rate)
        self.module, self.optimizer = self.team.fabric.setup(task.module, optimizer)
        self.average = Average(task.module, settings.ema)
        self.watch = Watch(self.team.device)
        # where looking costs nothing, a step that went wrong changes nothing
        self.looks_at_once = self.team.size == 1 and self.team.device.type == "cpu"
        self.journal: Journal | None = None
        self.step, self.saved_at = 0, 0.0
        self.notes: dict[str, float] = {}
        self.best: tuple[float, int] = (-math.inf, -1)

    def run(self, progress: Progress = silent) -> Fitted:
        """Train to the last step, then put the best weights into the module.

        Raises:
            DivergedError: The loss is not finite, or the weights have left what the module can compute.
            InputError: The folder holds another training, or a damaged one.
            StorageError: The disk is full; the last state that was written stays.
        """
        with nullcontext() if self.task.exact_on is None else exact_arithmetic():
            if self.task.exact_on is not None and self.team.device.type != "cpu":
                prove_exact(self.task.module, self.task.exact_on)
            self._resume()
            self.team.by_first(self._open_journal)
            if self.step == 0:
                self._validate()
            try:
                self._train(self.team.told(progress))
            except UnsupportedError as error:  # the start was supported: what is not came with training
                raise self._diverged(self.step, error.message) from error
            finally:
                if self.journal is not None:
                    self.journal.close()
        if self.best[1] >= 0:
            self.task.module.load_state_dict(self.team.by_first(self._best_weights))
        return Fitted(*self.best, self.step)

    def _train(self, progress: Progress) -> None:
        self.saved_at = time.monotonic()
        progress("training", self.step, self.settings.steps)
        while self.step < self.settings.steps:
            terms = self._one_step()
            validates = self.step % self.settings.validate_every == 0 or self.step == self.settings.steps
            reports = validates or self.step % REPORT_EVERY == 0
            # a process that shares its work saves where all meet anyway: its clock is not the others'
            if not (reports or (self.team.size == 1 and self._is_overdue())):
                continue
            self._check()
            psnr = self._validate() if validates else None
            values = self.team.mean(torch.stack([*terms.values()])).tolist()
            row = self._row(dict(zip(terms, values, strict=True)), psnr)
            self.team.by_first(partial(self._keep, row, reports))
            progress("training", self.step, self.settings.steps, f"loss {row.loss:.5f}, best {self.best[0]:.3f} dB")

    def _is_overdue(self) -> bool:
        return time.monotonic() - self.saved_at > self.settings.save_every_s

    def _one_step(self) -> Terms:
        """Train on the next batch.

        Returns:
            The loss on this process's part of it, as terms to add up.
        """
        factor = self.settings.learning_rate_factor(self.step)
        for group in self.optimizer.param_groups:
            is_over = self.step >= group.get("until", 1.0) * self.settings.steps
            group["lr"] = 0.0 if is_over else self.settings.learning_rate * group["base"] * factor
        self.module.train()
        team = self.team
        batch = part_of(self.task.batches(self.step), team.number, team.size, team.device)
        # who takes gradients by hand reduces them by hand, and leaves out the wrapper that would
        found = self.task.objective(self.task.module if self._by_hand else self.module, batch)
        terms = {"loss": found} if isinstance(found, Tensor) else found
        loss = reduce(torch.add, terms.values())
        self.optimizer.zero_grad()
        self.notes = self._backward(terms, loss)
        norm = team.fabric.clip_gradients(
            self.module, self.optimizer, max_norm=self.settings.gradient_clip, error_if_nonfinite=False
        )
        # with 16-mixed a gradient may overflow: that step is left out, and the loss is scaled less from then on
        self.watch.see(self.step, loss, loss if self.settings.precision == "16-mixed" else norm)
        if self.looks_at_once:
            self._check()
        self.optimizer.step()
        self.task.after_step(self.task.module)
        self.average.update()
        self.step += 1
        return {name: term.detach() for name, term in terms.items()}

    def _backward(self, terms: Terms, loss: Tensor) -> dict[str, float]:
        """The gradients of what is trained, and what the log shall hold of them."""
        if not self._by_hand:
            self.team.fabric.backward(loss)
            return {}
        trained = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        return take(terms, trained, self.task.apart, self.team.mean)

    @property
    def _by_hand(self) -> bool:
        return self.task.by_hand or self.task.apart is not None

    def _validate(self) -> float:
        with self.average.applied(), torch.no_grad():
            self.task.module.eval()
            psnr = self.team.by_first(self._judged)
        if self._is_best(psnr):
            self.best = (psnr, self.step)
        self.task.after_validation(psnr)
        return psnr

    def _is_best(self, psnr: float) -> bool:
        return psnr > self.best[0] and self.task.counts()

    def _judged(self) -> float:
        psnr = self.task.validate(self.task.module)
        if self._is_best(psnr):
            save_state(self.folder / "best.pt", self.task.module.state_dict())
        if self.task.sample is not None and self.journal is not None:
            self.journal.sample(self.step, self.task.sample(self.task.module))
        return psnr

    def _check(self) -> None:
        found = self.watch.found(self.team)
        if found is not None:
            step, what = found
            raise self._diverged(step, f"{what} is not finite; expected a number")

    def _diverged(self, step: int, what: str) -> DivergedError:
        hint = f"lower learning_rate (it is {self.settings.learning_rate:g}), and remove this folder to start anew"
        return DivergedError(f"at step {step}: {what}", where=str(self.folder), hint=hint)

    def _row(self, terms: dict[str, float], psnr: float | None) -> Row:
        return Row(self.step, sum(terms.values()), terms, self.optimizer.param_groups[0]["lr"], psnr, self.notes)

    def _keep(self, row: Row, reports: bool) -> None:
        """Tell of a step, and save the state where it is time."""
        if reports and self.journal is not None:
            self.journal.write(row)
        if row.psnr is not None or self._is_overdue():
            self._save()
            self.saved_at = time.monotonic()

    def _save(self) -> None:
        state = {
            "settings": self.settings.model_dump_json(),
            "origin": self.task.origin,
            "step": self.step,
            "best": list(self.best),
            "module": self.task.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
            "precision": self.team.fabric.strategy.precision.state_dict(),
        }
        replace_state(self.folder / "last.pt", state)

    def _resume(self) -> None:
        state = self.team.by_first(self._unfinished)
        if state is None:
            return
        self.task.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.team.fabric.strategy.precision.load_state_dict(state["precision"])
        self.step, self.best = state["step"], (state["best"][0], state["best"][1])

    def _unfinished(self) -> dict[str, Any] | None:
        """The state of this very training, where it was stopped."""
        remove_torn(self.folder)
        state = latest_state(self.folder / "last.pt")
        if state is not None:
            if not self._are_mine(state["settings"]):
                raise self._other("settings")
            if state["origin"] != self.task.origin:
                raise self._other("weights or images")
        return state

    def _are_mine(self, settings: str) -> bool:
        try:
            told = type(self.settings).model_validate_json(settings)
        except ValidationError:
            return False
        return told.model_dump(exclude=WATCHING) == self.settings.model_dump(exclude=WATCHING)

    def _other(self, what: str) -> InputError:
        hint = "choose another output, or remove this folder to start anew"
        return InputError(f"holds a training with other {what}", where=str(self.folder), hint=hint)

    def _open_journal(self) -> None:
        tensorboard = self.settings.tensorboard
        self.journal = Journal(self.folder, self.step, tensorboard=tensorboard)

    def _best_weights(self) -> dict[str, Any]:
        path = self.folder / "best.pt"
        best = load_state(path)
        if best is None:
            hint = f"remove {self.folder} to start anew"
            raise InputError("is gone; expected the best weights of the training", where=str(path), hint=hint)
        return best
