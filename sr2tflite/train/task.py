"""What a training is given: a module, batches, what is minimized, and what happens besides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from sr2tflite.train.gradients import Apart

BatchT = TypeVar("BatchT")

Terms = Mapping[str, Tensor]
"""What each loss adds to the sum that is minimized, by name."""


@dataclass
class Task(Generic[BatchT]):
    """What is trained, on what, towards what."""

    module: nn.Module
    """Trained in place."""

    groups: list[dict[str, Any]]
    """Adam's parameter groups; a group's ``lr`` is relative to the settings' learning rate, and a group with ``until``
    is trained for that share of the steps only."""

    batches: Callable[[int], BatchT]
    """The global batch of a step: a tensor N·…, or a dataclass that holds some."""

    objective: Callable[[nn.Module, BatchT], Tensor | Terms]
    """The loss of a batch, or what is added up to it: means over the batch, so that parts of it can be averaged."""

    validate: Callable[[nn.Module], float]
    """PSNR in dB on held-out training images."""

    after_step: Callable[[nn.Module], None] = lambda _module: None
    """Called after each optimizer step (weight clipping)."""

    origin: str = ""
    """Says what is trained on what, for instance by a hash; unfinished work of another origin is not gone on with."""

    sample: Callable[[nn.Module], NDArray[np.uint8]] | None = None
    """An image height × width × 3 that shows how far the module is."""

    apart: Apart | None = None
    """A term whose gradient is not added to that of the others, but mixed with it."""

    by_hand: bool = False
    """Whether a step may leave parameters without gradient, or call the module several times."""

    counts: Callable[[], bool] = lambda: True
    """Whether the module, as it is, may be the best."""

    after_validation: Callable[[float], None] = lambda _psnr: None
    """Called after each validation with its PSNR, in every process."""

    exact_on: Tensor | None = None
    """For a module that computes integers, an input on which its device must give the CPU's very bits."""
