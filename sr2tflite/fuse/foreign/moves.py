"""The ops that only move pixels, on the array of indices of the image they move."""

from math import prod
from typing import Any

import numpy as np
import onnx

from sr2tflite.errors import InputError
from sr2tflite.fuse.foreign.call import Call, Picture
from sr2tflite.fuse.foreign.reference import MOST_VALUES, evaluate
from sr2tflite.fuse.foreign.weights import Array

MOVES = frozenset(
    {
        *("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split", "Gather", "Expand", "Tile"),
        *("DepthToSpace", "SpaceToDepth", "Resize", "Concat"),
    }
)
MOST_MOVED = 2**26
"""In one image that is followed: three arrays of 64 bits are made of it."""

UNCHANGED = frozenset({"Identity", "Dropout", "Cast", "CastLike"})
"""Ops that do nothing to an image, or make a constant one's type."""

_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)


def check_unchanged(call: Call) -> None:
    """Refuse an op of ``UNCHANGED`` that does something."""
    if call.node.op_type == "Cast" and (kind := call.attribute("to")) not in _FLOATS:
        name = onnx.TensorProto.DataType.Name(kind)
        raise call.refuse(f"an image becomes {name}", "float32", hint="convert the file to float32")
    if call.node.op_type == "Dropout" and (training := call.constant(2)) is not None and training.any():
        raise call.refuse("training_mode is on", "off", hint="export the network in eval mode")


def is_move(call: Call) -> bool:
    """Whether the node moves the pixels of one image."""
    if call.node.op_type == "Concat":
        return len({p.root for p in call.pictures}) == 1 and len(call.pictures) == len(call.operands)
    return call.node.op_type in MOVES


def move(call: Call) -> list[Array]:
    """The indices after the node, one array per output.

    Raises:
        InputError: The operands do not fit, or the image is too large to be followed.
        UnsupportedError: A Resize computes new values.
    """
    operands = [_followed(call, operand) if isinstance(operand, Picture) else operand for operand in call.operands]
    if call.node.op_type == "Resize":
        assert operands[0] is not None
        return [_resized(call, operands[0])]
    return evaluate(call.node, operands, call.opset, call.where)


def _followed(call: Call, picture: Picture) -> Array:
    if prod(picture.shape) > MOST_MOVED:
        raise InputError(
            f"moves {picture.shape} values; expected at most {MOST_MOVED:,}",
            where=call.where,
            hint="export the network at a smaller size: the deploy graph has a free one",
        )
    return np.arange(np.prod(picture.shape)).reshape(picture.shape) if picture.index is None else picture.index


def _resized(call: Call, index: Array) -> Array:
    """Resize along each axis: a ramp is resized, and must come out with every step repeated equally often."""
    if (mode := call.attribute("mode", "nearest")) != "nearest":
        hint = "enlarge with mode nearest, or with a convolution and a pixel shuffle"
        raise call.refuse(f"mode {mode} computes new pixels", "nearest", hint)
    for axis, argument in _axes(call, index.ndim).items():
        size = index.shape[axis]
        positions = np.rint(_ramp(call, size, argument)).astype(np.intp)
        times = len(positions) // size
        if not times or not np.array_equal(positions, np.repeat(np.arange(size), times)):
            how = f"{call.attribute('coordinate_transformation_mode', 'half_pixel')}, "
            how += call.attribute("nearest_mode", "round_prefer_floor")
            raise call.refuse(f"{size} become {len(positions)} by {how}", "every pixel a whole number of times")
        index = index.take(positions, axis)
    return index


def _axes(call: Call, rank: int) -> dict[int, tuple[int, Array]]:
    """Axis → position and value of the input that says its new size."""
    if call.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise call.refuse("a policy that keeps the aspect ratio", "stretch")
    position, said = next(
        ((p, c) for p in (2, 3) if (c := call.constant(p)) is not None and c.size), (0, np.array((), np.float32))
    )
    axes = [axis % rank for axis in call.attribute("axes", list(range(rank)))]
    if len(said) != len(axes):
        raise call.refuse(f"{len(said)} scales for {len(axes)} axes", "one each")
    return {axis: (position, said[place : place + 1]) for place, axis in enumerate(axes)}


def _ramp(call: Call, size: int, argument: tuple[int, Array]) -> Array:
    """0, 1, 2 … resized as one axis of an image is."""
    position, value = argument
    claimed = float(value[0]) * (size if position == 2 else 1)
    if not 0 < claimed <= MOST_VALUES:
        raise call.refuse(f"{size} pixels become {claimed:g}", f"up to {MOST_VALUES:,}")
    twin: Any = onnx.NodeProto()
    twin.CopyFrom(call.node)
    kept = [a for a in call.node.attribute if a.name not in ("axes", "keep_aspect_ratio_policy", "antialias")]
    del twin.attribute[:]
    twin.attribute.extend(kept)
    operands: list[Array | None] = [np.arange(size, dtype=np.float32), None, None, None]
    operands[position] = value
    while operands[-1] is None:
        operands.pop()
    return evaluate(twin, operands, call.opset, call.where)[0]
