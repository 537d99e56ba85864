"""The kind *loss*: one term of what training minimizes, one file each."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from pydantic import AfterValidator, Field, PositiveFloat
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

    progress: float = 0.0
    """The share of the training that is over, 0…1."""

    features: Mapping[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """What convolutions of a quantized student write, N·C·H·W by their number, and what its float graph has there."""

    def of_teacher(self) -> Tensor:
        """The teacher's output.

        Raises:
            RecipeError: There is no teacher.
        """
        if self.taught is None:
            raise RecipeError("a loss needs a teacher, and there is none", hint="name one: --teacher FILE")
        return self.taught

    def features_of(self, layer: int) -> tuple[Tensor, Tensor]:
        """What a convolution writes, in the student and in its float graph.

        Raises:
            RecipeError: Nobody knows.
        """
        if layer not in self.features:
            raise RecipeError("a loss compares features, and there are none", hint="use it in qat")
        return self.features[layer]


def _rising(corners: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    shares = [share for share, _ in corners]
    if any(after <= before for before, after in itertools.pairwise(shares)):
        raise ValueError(f"corners at {shares}; expected each after the one before")
    return corners


Corner = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0)]]
Schedule = Annotated[tuple[Corner, ...], Field(min_length=1), AfterValidator(_rising)]
"""How a weight changes over a training, 0…1."""


class Loss(Settings):
    """Settings of a loss. Calling it gives its value for a sample, a scalar, before its weight."""

    needs_teacher: ClassVar[bool] = False

    weight: PositiveFloat | Schedule = 1.0
    """What it counts in the sum: a number, or corners ``[[progress, weight], …]`` with straight lines between them."""

    @property
    def compared(self) -> tuple[int, ...]:
        """Convolutions of the deploy graph, counted from 0, whose features it compares."""
        return ()

    def weight_at(self, progress: float) -> float:
        """The weight when this share of the training is over."""
        if isinstance(self.weight, float):
            return self.weight
        shares, weights = zip(*self.weight, strict=True)
        return float(np.interp(progress, shares, weights))

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
        parsed = [LOSSES.parse(spec, "losses") for spec in specs]
        self.losses = [loss for _, loss in parsed]
        names = [name for name, _ in parsed]
        self._names = [
            name if names.count(name) == 1 else f"{name} {names[:index].count(name) + 1}"
            for index, name in enumerate(names)
        ]

    @property
    def needs_teacher(self) -> bool:
        return any(loss.needs_teacher for loss in self.losses)

    @property
    def compared(self) -> tuple[int, ...]:
        """The convolutions whose features some loss compares."""
        return tuple(sorted({layer for loss in self.losses for layer in loss.compared}))

    def terms(self, sample: Sample) -> dict[str, Tensor]:
        """Each weight · loss by name; those whose weight is 0 now are left out, unless all are."""
        weights = [
            (name, loss, loss.weight_at(sample.progress)) for name, loss in zip(self._names, self.losses, strict=True)
        ]
        counted = [entry for entry in weights if entry[2]] or weights
        return {name: weight * loss(sample) for name, loss, weight in counted}

    def __call__(self, sample: Sample) -> Tensor:
        """Σ weight · loss."""
        return sum(self.terms(sample).values(), sample.sr.new_zeros(()))
