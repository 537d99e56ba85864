"""Batches on their way to the devices: each process takes its part of the global batch."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

BatchT = TypeVar("BatchT")


def part_of(batch: BatchT, number: int, count: int, device: torch.device) -> BatchT:
    """One of ``count`` equal parts of a batch, on a device.

    Args:
        batch: A tensor N·…, or a dataclass that holds some.
        number: Which part, from 0.
        count: A divisor of N.
        device: Where the part shall be.
    """

    def taken(tensor: Tensor) -> Tensor:
        size = len(tensor) // count
        part = tensor if count == 1 else tensor[number * size : (number + 1) * size]
        return part.to(device, non_blocking=True)

    return cast(BatchT, _each_tensor(batch, taken))


def _each_tensor(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(batch, Tensor):
        return change(batch)
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return replace(batch, **{name: change(value) for name, value in values.items() if isinstance(value, Tensor)})
