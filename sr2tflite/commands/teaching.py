"""The teacher of a training: whose output losses compare with, and where that output comes from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn

from sr2tflite.commands.ptq import read_float
from sr2tflite.data.patches import Batch, Patches
from sr2tflite.data.taught import TaughtPatches
from sr2tflite.errors import InputError, RecipeError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.networks import checkpoint, spandrel
from sr2tflite.networks.teacher import LoadedTeacher, teacher_in
from sr2tflite.progress import Progress
from sr2tflite.torch_view import FloatView
from sr2tflite.train.losses import WHITE, Sample, Total
from sr2tflite.train.settings import LoopSettings

SECONDS_A_PIXEL = 0.002
"""Of a published teacher on two cores, per LR pixel."""

LONGEST_S = 3600
"""What asking the teacher may take unless ``taught_crops`` says otherwise."""

Teach = Callable[[Tensor], Tensor]
"""LR patches N·3·P·P in pixels to the teacher's output within 0…255, without gradient."""


class Lesson:
    """What a training minimizes and on which batches, with or without a teacher.

    Args:
        patches: Where batches come from.
        settings: Losses, and the teacher.
        own: The teacher where the settings name none.
        progress: Told how it goes while a slow teacher is asked.

    Raises:
        InputError: The teacher's file cannot be used, or it enlarges by another factor.
        RecipeError: A loss needs a teacher and there is none, or a teacher is named and no loss needs one.
    """

    def __init__(self, patches: Patches, settings: LoopSettings, own: Teach | None, progress: Progress) -> None:
        self.total = Total(settings.losses)
        if own is None and self.total.compared:
            raise RecipeError(
                "losses: feature compares with the float graph that quantized training starts from",
                hint="use it in qat",
            )
        self._steps = settings.steps
        self.batches: Callable[[int], Batch] = patches
        self._teach = None
        self.origin = ""
        """Names the teacher's file, for what must not be gone on with under another one."""
        if settings.teacher is not None:
            self._refuse_idle(settings.teacher)
            self.origin = sha256(read_bytes(settings.teacher))
            self._ask(settings.teacher, patches, settings, progress)
        elif self.total.needs_teacher:
            if own is None:
                raise RecipeError("losses: need a teacher, and there is none", hint="name one: --set teacher=FILE")
            self._teach = own

    def progress(self, batch: Batch) -> float:
        """The share of the training that is over at a batch, 0…1."""
        return batch.step / self._steps

    def terms(
        self, sr: Tensor, batch: Batch, features: Mapping[int, tuple[Tensor, Tensor]] = MappingProxyType({})
    ) -> dict[str, Tensor]:
        """What each loss adds to that of a batch, by name.

        Args:
            sr: The student's output in pixels.
            batch: What it was made of, and towards what.
            features: What ``total.compared`` names.
        """
        taught = batch.taught if self._teach is None else self._teach(batch.lr)
        return self.total.terms(Sample(sr, batch.hr, taught, self.progress(batch), features))

    def _refuse_idle(self, teacher: Path) -> None:
        if not self.total.needs_teacher:
            hint = "for example --set losses='[l1, {name: distillation, weight: 0.5}]'"
            raise RecipeError(f"no loss asks the teacher {teacher.name}", hint=hint)

    def _ask(self, path: Path, patches: Patches, settings: LoopSettings, progress: Progress) -> None:
        scale = patches.cache.scale
        if path.suffix == ".onnx":
            graph = read_float(path)
            _refuse_other_scale(graph.scale_factor, scale, path)
            self._teach = own_output(FloatView(graph), graph.value_range[1])
        elif (teacher := teacher_in(path)) is None:
            student = _student(path)
            _refuse_other_scale(student.student.scale, scale, path)
            self._teach = own_output(student.module, student.student.peak)
        else:
            _refuse_other_scale(teacher.scale, scale, path)
            self.batches = _taught(teacher, patches, settings, progress)


def own_output(module: nn.Module, white: float) -> Teach:
    """A fast teacher, asked at every step."""

    def teach(lr: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = module.to(lr.device)(lr if white == WHITE else lr * (white / WHITE))
            return (found if white == WHITE else found * (WHITE / white)).clamp_(0, WHITE)

    return teach


def _student(path: Path) -> checkpoint.LoadedStudent:
    """The student in a checkpoint that is of no known teacher."""
    try:
        return checkpoint.load(path)
    except InputError as error:
        if spandrel.is_installed():
            raise
        hint = f"a teacher of another architecture: {spandrel.INSTALL}"
        raise InputError(error.message, where=error.where, hint=hint) from error


def _taught(teacher: LoadedTeacher, patches: Patches, settings: LoopSettings, progress: Progress) -> TaughtPatches:
    crops = settings.taught_crops or max(1, int(LONGEST_S / (SECONDS_A_PIXEL * patches.patch**2)))
    name = f"{teacher.sha256} {teacher.teacher!r} {settings.seed}"
    return TaughtPatches(patches, crops, lambda lr: teacher.enlarge(lr, settings.seed), name, progress)


def _refuse_other_scale(found: int, expected: int, path: Path) -> None:
    if found != expected:
        raise InputError(
            f"teacher enlarges ×{found}; expected ×{expected}",
            where=str(path),
            hint="choose a teacher of the same scale",
        )
