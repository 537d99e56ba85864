"""What a kernel is made of: identity, one-hot rows, groups, a dilated lattice."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sr2tflite.fuse.impulse import Kernel


@dataclass(frozen=True)
class Compact:
    """The same convolution with fewer weights."""

    weight: Tensor
    """OIHW, grouped: I is the input channels of one group."""

    groups: int
    dilation: tuple[int, int]

    @property
    def is_per_channel(self) -> bool:
        """Whether every output channel reads the one input channel of its own number."""
        return self.groups == self.weight.shape[0] and self.weight.shape[1] == 1


def is_identity(kernel: Kernel) -> bool:
    """Whether the convolution returns its input."""
    outputs, inputs, *size = kernel.weight.shape
    if size != [1, 1] or outputs != inputs or kernel.bias.any():
        return False
    return torch.equal(kernel.weight[:, :, 0, 0], torch.eye(outputs, dtype=torch.float64))


def is_selection(kernel: Kernel) -> bool:
    """Whether every output channel is a copy of one input channel: a 1×1 kernel with one-hot rows and no bias."""
    weight = kernel.weight
    if weight.shape[2:] != (1, 1) or kernel.bias.any():
        return False
    return bool(((weight == 0) | (weight == 1)).all()) and bool((weight.sum((1, 2, 3)) == 1).all())


def _grouped(weight_OIHW: Tensor) -> tuple[Tensor, int]:
    """Keep the diagonal blocks when nothing lies outside them; the most groups that fit."""
    outputs, inputs = weight_OIHW.shape[:2]
    touched = weight_OIHW.abs().amax((2, 3)) > 0
    for groups in range(inputs, 1, -1):
        if inputs % groups or outputs % groups:
            continue
        rows = torch.arange(outputs)[:, None] // (outputs // groups)
        columns = torch.arange(inputs)[None, :] // (inputs // groups)
        if not (touched & (rows != columns)).any():
            blocks = [weight_OIHW[rows[:, 0] == g][:, columns[0] == g] for g in range(groups)]
            return torch.cat(blocks), groups
    return weight_OIHW, 1


def _lattice(touched: Tensor) -> int:
    """The largest step that, from the center, visits every touched position of an axis."""
    radius = len(touched) // 2
    for step in range(radius, 1, -1):
        if radius % step == 0 and not any(touched[i] for i in range(len(touched)) if (i - radius) % step):
            return step
    return 1


def _taps(touched: Tensor) -> tuple[slice, int]:
    """Which positions of an axis to keep, and the step between them.

    An empty first position is dropped: SAME pads an even kernel with one more zero behind than before.
    """
    step = _lattice(touched)
    is_even = step == 1 and len(touched) > 1 and not touched[0]
    return slice(int(is_even), None, step), step


def compact(kernel: Kernel) -> Compact:
    """The cheapest grouped, dilated form of a kernel, of even size where that is enough."""
    weight, groups = _grouped(kernel.weight)
    touched = weight.abs().amax((0, 1)) > 0
    (rows, row_step), (columns, column_step) = _taps(touched.any(1)), _taps(touched.any(0))
    return Compact(weight[:, :, rows, columns].contiguous(), groups, (row_step, column_step))
