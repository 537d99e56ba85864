"""What a kernel is made of: identity, one-hot rows, groups, a dilated lattice."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sr2tflite.fuse.impulse import Kernel
from sr2tflite.torch_view import same_padding


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


def _before(size: int, stride: int) -> int | None:
    """How many zeros TFLite's SAME puts before an axis, where that is the same number for every length of it."""
    before = {same_padding(length, size, stride, 1)[0] for length in range(1, 2 * stride + 1)}
    return before.pop() if len(before) == 1 else None


def _window(touched: Tensor, stride: int) -> tuple[int, int] | None:
    """Size of, and zeros before, the smallest SAME window that holds every touched tap around the center."""
    taps = touched.nonzero().reshape(-1) - len(touched) // 2
    first, last = (int(taps.min()), int(taps.max())) if len(taps) else (0, 0)
    for size in range(1, 2 * len(touched) + 2 * stride):
        before = _before(size, stride)
        if before is not None and first >= -before and last <= size - 1 - before:
            return size, before
    return None


def same_window(kernel: Kernel) -> Compact | None:
    """A kernel with stride, framed by zeros so that TFLite's SAME puts it in its place at every image size.

    With stride 2 an even window has k/2 − 1 zeros before it for odd and even sizes alike: 3×3 with one row of padding
    becomes 4×4, its last row and column zero.

    Returns:
        None when there is no such window: with larger strides SAME moves with the size.
    """
    weight, groups = _grouped(kernel.weight)
    touched = weight.abs().amax((0, 1)) > 0
    windows = [_window(touched.any(axis), kernel.stride) for axis in (1, 0)]
    if None in windows:
        return None
    (height, above), (width, left) = (window for window in windows if window)
    framed = weight.new_zeros(*weight.shape[:2], height, width)
    rows, columns = _overlap(touched.shape[0], height, above), _overlap(touched.shape[1], width, left)
    framed[:, :, rows[1], columns[1]] = weight[:, :, rows[0], columns[0]]
    return Compact(framed, groups, (1, 1))


def _overlap(taps: int, size: int, before: int) -> tuple[slice, slice]:
    """Where the taps that a window has room for are in the kernel, and in the window."""
    offset = before - taps // 2
    start, stop = max(offset, 0), min(offset + taps, size)
    return slice(start - offset, stop - offset), slice(start, stop)
