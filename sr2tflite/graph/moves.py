"""Ops that pad, cut, split, turn and reduce: which shapes they make, and from which they cannot.

Sizes are None where they are free.
"""

from math import prod

from sr2tflite.errors import InputError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Shape


def padded(paddings: tuple[tuple[int, int], ...], shape: Shape) -> Shape:
    """The shape with values around it.

    Raises:
        InputError: There is not a pair for each axis, or one is negative.
    """
    if len(paddings) != len(shape) or any(len(pair) != 2 or min(pair) < 0 for pair in paddings):
        raise InputError(f"has paddings {paddings} for shape {shape}; expected a pair of 0 or more for each axis")
    return tuple(size and before + size + after for size, (before, after) in zip(shape, paddings, strict=True))


def reshaped(wanted: tuple[int, ...], shape: Shape) -> Shape:
    """The wanted shape with the size that follows.

    Raises:
        InputError: It holds another number of values.
    """
    known = prod(size for size in wanted if size != -1)
    misfit = InputError(f"cannot give {shape} the shape {wanted}")
    if wanted.count(-1) > 1 or any(size < 1 and size != -1 for size in wanted):
        raise misfit
    sizes = [size for size in shape if size is not None]
    if len(sizes) < len(shape):
        return tuple(None if size == -1 else size for size in wanted)
    count = prod(sizes)
    if count % known or (-1 not in wanted and count != known):
        raise misfit
    return tuple(count // known if size == -1 else size for size in wanted)


def transposed(permutation: tuple[int, ...], shape: Shape) -> Shape:
    """The shape with its axes in another order.

    Raises:
        InputError: The permutation is not one of its axes.
    """
    if sorted(permutation) != list(range(len(shape))):
        raise InputError(f"permutation {permutation} does not fit {shape}")
    return tuple(shape[axis] for axis in permutation)


def gathered(op: ops.Gather, shape: Shape) -> Shape:
    """The shape with as many values along the axis as are taken.

    Raises:
        InputError: The axis is not one of the shape's, its size is free, or it has no such values.
    """
    size = shape[op.axis] if 0 <= op.axis < len(shape) else None
    if size is None or not op.indices or not 0 <= min(op.indices) <= max(op.indices) < size:
        raise InputError(f"cannot take {len(op.indices)} values along axis {op.axis} of {shape}")
    return (*shape[: op.axis], len(op.indices), *shape[op.axis + 1 :])


def slices(op: ops.StridedSlice) -> tuple[slice | int, ...]:
    """What the op takes of each axis, as NumPy's index; axes at the end that it does not name are taken whole."""
    taken: list[slice | int] = []
    for axis, (begin, end, stride) in enumerate(zip(op.begin, op.end, op.strides, strict=True)):
        bit = 1 << axis
        first = None if op.begin_mask & bit else begin
        if op.shrink_axis_mask & bit:
            taken.append(first or 0)
        else:
            taken.append(slice(first, None if op.end_mask & bit else end, stride))
    return tuple(taken)


def sliced(op: ops.StridedSlice, shape: Shape) -> Shape:
    """The shape of what the op takes; an axis that is free stays so.

    Raises:
        InputError: The attributes do not fit each other or the shape.
    """
    if not len(op.begin) == len(op.end) == len(op.strides) <= len(shape) or 0 in op.strides:
        raise InputError(f"takes {op.begin} to {op.end} by {op.strides} of {shape}")
    found: list[int | None] = []
    taken = slices(op)
    for size, one in zip(shape, taken, strict=False):
        if isinstance(one, int):
            if size is not None and not -size <= one < size:
                raise InputError(f"takes value {one} of an axis of {size}")
        else:
            found.append(size and len(range(*one.indices(size))))
    return (*found, *shape[len(taken) :])


def split(op: ops.Split, shape: Shape) -> Shape:
    """The shape of each part.

    Raises:
        InputError: The axis does not divide into equal parts.
    """
    size = shape[op.axis] if 0 <= op.axis < len(shape) else None
    if size is None or op.parts < 1 or size % op.parts:
        raise InputError(f"cannot split {shape} along axis {op.axis} into {op.parts} equal parts")
    return (*shape[: op.axis], size // op.parts, *shape[op.axis + 1 :])


def reduced(op: ops.Mean, shape: Shape) -> Shape:
    """The shape without the axes that the mean is taken over, or with 1 in their place.

    Raises:
        InputError: An axis is not one of the shape's, or the axes do not ascend.
    """
    if sorted(set(op.axes)) != list(op.axes) or any(not 0 <= axis < len(shape) for axis in op.axes):
        raise InputError(f"axes {op.axes} do not fit {shape}")
    if op.keep_dims:
        return tuple(1 if axis in op.axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in op.axes)
