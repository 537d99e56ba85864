"""The kind *loss*: one term of what training minimizes, one file each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from sr2tflite.errors import RecipeError
from sr2tflite.registry import Registry, Settings
from sr2tflite.train.settings import LossSpec

WHITE = 255.0
"""Of every image here; losses are of differences / 255, so that weights are as in papers that work in 0…1."""


@dataclass(frozen=True)
class Sample:
    """A batch, as losses see it: float32 N·3·H·W in pixel units."""

    sr: Tensor
    """The student's output; not clipped in float training."""

    hr: Tensor
    """The high-resolution image."""

    taught: Tensor | None = None
    """The teacher's output within 0…255, no gradient; None without a teacher."""

    def of_teacher(self) -> Tensor:
        """The teacher's output.

        Raises:
            RecipeError: There is no teacher.
        """
        if self.taught is None:
            raise RecipeError("a loss needs a teacher, and there is none", hint="name one: --teacher FILE")
        return self.taught


class Loss(Settings):
    """Settings of a loss. Calling it gives its value for a sample, a scalar, before its weight."""

    needs_teacher: ClassVar[bool] = False

    weight: float = Field(default=1.0, gt=0)
    """What it counts in the sum."""

    def __call__(self, sample: Sample) -> Tensor:
        """The mean over every element of the batch."""
        raise NotImplementedError


LOSSES: Registry[Loss] = Registry("loss", __name__)


class Total:
    """The weighted sum of losses.

    Args:
        specs: At least one.

    Raises:
        RecipeError: None, an unknown one, or settings that do not fit.
    """

    def __init__(self, specs: Sequence[LossSpec]) -> None:
        if not specs:
            raise RecipeError("there is no loss", hint="one of: " + ", ".join(LOSSES.names()))
        self.losses = [LOSSES.parse(spec, "losses")[1] for spec in specs]

    @property
    def needs_teacher(self) -> bool:
        return any(loss.needs_teacher for loss in self.losses)

    def __call__(self, sample: Sample) -> Tensor:
        """Σ weight · loss."""
        return sum((loss.weight * loss(sample) for loss in self.losses), sample.sr.new_zeros(()))
