"""How the learning rate goes over a training, as a factor of its peak; warm-up comes before and is the settings'."""

import itertools
import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sr2tflite.registry import Settings


class Cosine(Settings):
    """Half a cosine from the peak down to 1 % of it."""

    kind: Literal["cosine"] = "cosine"

    def factor(self, step: float, warm: float, steps: int) -> float:
        """``0.01 + 0.99·½(1 + cos πp)``, p the share of the steps after warm-up that is over."""
        progress = (step - warm) / max(1.0, steps - warm)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    if any(after <= before for before, after in itertools.pairwise(shares)):
        raise ValueError(f"milestones at {list(shares)}; expected each after the one before")
    return shares


Share = Annotated[float, Field(gt=0, lt=1)]


class Step(Settings):
    """The peak, times ``gamma`` from each milestone on."""

    kind: Literal["step"] = "step"

    milestones: Annotated[tuple[Share, ...], Field(min_length=1), AfterValidator(_rising)] = (0.5, 0.75)
    """Shares of all steps, warm-up included."""

    gamma: float = Field(default=0.5, gt=0, le=1)
    """What each milestone multiplies the learning rate by."""

    def factor(self, step: float, _warm: float, steps: int) -> float:
        """``gamma`` to the number of milestones passed."""
        return self.gamma ** sum(step >= share * steps for share in self.milestones)


RateSchedule = Annotated[Cosine | Step, Field(discriminator="kind")]
"""What the learning rate does after warm-up."""
