"""Constants and axes between the graph's channels-last layout and ONNX's channels-first one."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Node, Shape, ops
from sr2tflite.numerics.qparams import QuantParams

Role = Literal["weight", "depthwise", "bias", "broadcast"]
"""What a constant is to its node: OHWI, 1HWO, O, or something that broadcasts against N×H×W×C."""

AXES = (0, 2, 3, 1)
"""Axis of an NHWC tensor → axis of the NCHW one."""


def role_of(node: Node, position: int) -> Role:
    """The role of a node's constant input."""
    match node.op:
        case ops.Conv2D():
            return "weight" if position == 1 else "bias"
        case ops.DepthwiseConv2D():
            return "depthwise" if position == 1 else "bias"
        case _:
            return "broadcast"


def channels_first(shape: Shape) -> Shape:
    """N×H×W×C → N×C×H×W."""
    batch, height, width, channels = shape
    return batch, channels, height, width


def channels_last(shape: Shape) -> Shape:
    """N×C×H×W → N×H×W×C."""
    batch, channels, height, width = shape
    return batch, height, width, channels


def _permutation(role: Role, rank: int) -> tuple[int, ...]:
    if role == "depthwise":
        return (3, 0, 1, 2)
    if role == "bias" or rank == 0:
        return tuple(range(rank))
    return (0, 3, 1, 2) if rank == 4 else (2, 0, 1)


def _padding(role: Role, rank: int) -> int:
    """Leading axes of size 1 that a broadcasting constant of rank 1 or 2 gets, so that its last axis is C."""
    return 3 - rank if role == "broadcast" and rank in (1, 2) else 0


def to_onnx(data: NDArray[Any], role: Role, quant: QuantParams | None) -> tuple[NDArray[Any], int | None]:
    """A constant channels first, and the axis its scales then lie along."""
    padding = _padding(role, data.ndim)
    permutation = _permutation(role, data.ndim + padding)
    axis = None if quant is None or quant.axis is None else permutation.index(quant.axis + padding)
    return data.reshape((1,) * padding + data.shape).transpose(permutation).copy(), axis


def from_onnx(
    data: NDArray[Any], role: Role, axis: int | None, shape: tuple[int, ...] | None
) -> tuple[NDArray[Any], int | None]:
    """The inverse of ``to_onnx``.

    Args:
        data: A constant channels first.
        role: What it is to its node.
        axis: The axis its scales lie along.
        shape: Its shape in the graph where that has fewer axes.

    Raises:
        ValueError: Rank, axis or shape do not fit.
    """
    permutation = _permutation(role, data.ndim)
    if axis is not None and not 0 <= axis < data.ndim:
        raise ValueError(f"axis {axis} of {data.ndim}")
    moved = data.transpose(np.argsort(permutation).tolist()).copy()
    if shape is None:
        return moved, None if axis is None else permutation[axis]
    return moved.reshape(shape), None if axis is None else permutation[axis] - (data.ndim - len(shape))
