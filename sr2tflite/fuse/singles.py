"""Captured ops that stand for one op of the deploy graph each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import Node

from sr2tflite.errors import UnsupportedError
from sr2tflite.fuse import convolutions
from sr2tflite.fuse.builder import F64, Builder
from sr2tflite.fuse.call import Call, Single
from sr2tflite.fuse.capture import Captured
from sr2tflite.fuse.origin import op_name, place
from sr2tflite.fuse.regions import CONVOLUTIONS, shape
from sr2tflite.graph import Op, ops

Mapper = Callable[[Single], str]


def _binary(op: Callable[[], Op]) -> Mapper:
    def mapper(single: Single) -> str:
        return single.emit(op(), *single.sources())

    return mapper


def _extreme(op: Callable[[], Op]) -> Mapper:
    def mapper(single: Single) -> str:
        sources = single.sources()
        for index in (0, 1):
            value = single.argument(index, "other")
            if isinstance(value, Tensor):
                sources.append(single.constant(per_channel(single, value)))
        return single.emit(op(), *sources)

    return mapper


def per_channel(single: Single, value: Tensor) -> F64:
    """A broadcasting constant as one value per channel, or one for all.

    Raises:
        UnsupportedError: It varies from pixel to pixel.
    """
    values = value.detach().double().numpy()
    values = values.reshape((1,) * (4 - values.ndim) + values.shape)
    if values.shape[2:] != (1, 1):
        raise single.refuse(f"a constant of shape {tuple(value.shape)}", "one value, or one per channel")
    return np.ascontiguousarray(values.reshape(-1))


def _cat(single: Single) -> str:
    if single.argument(1, "dim", 0) not in (1, -3):
        raise single.refuse("concatenation along another axis", "channels")
    parts = single.node.args[0]
    assert isinstance(parts, (list, tuple))
    if not all(isinstance(part, Node) and single.is_pixel(part) for part in parts):
        raise single.refuse("concatenation with a constant", "images only")
    return single.emit(ops.Concatenation(), *(single.builder.tensor(part) for part in parts if isinstance(part, Node)))


def _prelu(single: Single) -> str:
    slope, sizes = single.argument(1, "weight"), shape(single.node)
    if not isinstance(slope, Tensor) or sizes is None:
        raise single.refuse("a slope that depends on the input", "a constant slope")
    alpha = slope.detach().double().numpy().reshape(-1)
    values = np.broadcast_to(alpha, (sizes[1],)).reshape(1, 1, -1)
    return single.emit(ops.PRelu(), *single.sources(), single.builder.constant(f"{single.name}.alpha", values))


_LARGEST = float(np.finfo(np.float32).max)


def _clamp(low: int | None, high: int | None, defaults: tuple[float | None, float | None] = (None, None)) -> Mapper:
    """A clamp whose bounds are the arguments at these positions."""

    def mapper(single: Single) -> str:
        lower = defaults[0] if low is None else single.argument(low, "min", defaults[0])
        upper = defaults[1] if high is None else single.argument(high, "max", defaults[1])
        if any(isinstance(bound, Node) for bound in (lower, upper)):
            raise single.refuse("a bound that depends on the input", "a constant one")
        return _clamped(single, _plain(lower), _plain(upper))

    return mapper


def _plain(bound: Any) -> Any:
    """A bound as a number where it is one; None where every float32 is inside it."""
    number = bound.item() if isinstance(bound, Tensor) and bound.numel() == 1 else bound
    return None if isinstance(number, (int, float)) and abs(number) >= _LARGEST else number


def _clamped(single: Single, lower: Any, upper: Any) -> str:
    (source,) = single.sources()
    if lower is not None:
        source = _bounded(single, ops.Maximum(), source, lower)
    return source if upper is None else _bounded(single, ops.Minimum(), source, upper)


def _bounded(single: Single, op: Op, source: str, bound: Any) -> str:
    value = bound if isinstance(bound, Tensor) else torch.tensor(float(bound), dtype=torch.float64)
    return single.emit(op, source, single.constant(per_channel(single, value)))


def _leaky_relu(single: Single) -> str:
    return single.emit(ops.LeakyRelu(float(single.argument(1, "negative_slope", 0.01))), *single.sources())


MAPPERS: dict[str, Mapper] = {
    "conv2d": convolutions.convolution,
    "convolution": convolutions.convolution,
    "add": _binary(ops.Add),
    "sub": _binary(ops.Sub),
    "mul": _binary(ops.Mul),
    "maximum": _extreme(ops.Maximum),
    "minimum": _extreme(ops.Minimum),
    "cat": _cat,
    "relu": _clamp(None, None, (0, None)),
    "relu6": _clamp(None, None, (0, 6)),
    "clamp_min": _clamp(1, None),
    "clamp_max": _clamp(None, 1),
    "clamp": _clamp(1, 2),
    "hardtanh": _clamp(1, 2, (-1, 1)),
    "prelu": _prelu,
    "leaky_relu": _leaky_relu,
    "sigmoid": lambda single: single.emit(ops.Logistic(), *single.sources()),
    "mark": lambda single: single.sources()[0],
}
"""The ops with a counterpart of their own."""


def is_mappable(captured: Captured, node: Node) -> bool:
    """Whether the node has a counterpart of its own."""
    name = op_name(node)
    if name in CONVOLUTIONS:
        return convolutions.is_copied(Call(captured, node))
    if name in ("add", "sub", "mul"):
        return len(node.args) == 2 and all(arg not in captured.constants and isinstance(arg, Node) for arg in node.args)
    return name in MAPPERS


def map_single(captured: Captured, builder: Builder, node: Node, why: str | None) -> None:
    """Put one captured node into the graph as it is.

    Raises:
        UnsupportedError: It has no counterpart; the message says why no region could take it in.
    """
    if not is_mappable(captured, node):
        raise _refusal(captured, node, why)
    builder.bind(node, MAPPERS[op_name(node)](Single(captured, node, builder)))


_ZEROS = "train with zeros (padding_mode='zeros'), k − 1 of them along each axis"
_NEAREST = "train with mode='nearest' and a whole factor, or with copied channels and a PixelShuffle"
HINTS = {
    **dict.fromkeys(("pad", "reflection_pad2d", "replication_pad2d", "circular_pad2d"), _ZEROS),
    **dict.fromkeys(("upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d"), _NEAREST),
}
"""What to train instead of an op that has no counterpart."""

REASONS = dict.fromkeys(
    ("upsample_bilinear2d", "upsample_bicubic2d"), "its border repeats pixels, where a convolution is padded with zeros"
)
"""Why ops that no region holds are no convolutions."""


def _refusal(captured: Captured, node: Node, why: str | None) -> UnsupportedError:
    name = op_name(node)
    known = convolutions.refusal(Call(captured, node)) if name in CONVOLUTIONS else None
    why = REASONS.get(name, why)
    reason = f" and cannot be folded into a convolution: {why}" if why else ""
    general = "replace it by convolutions, sums and clamps; besides them there are: " + ", ".join(sorted(MAPPERS))
    return known or UnsupportedError(
        f"op {name} is outside the deploy graph's set{reason}", where=place(node), hint=HINTS.get(name, general)
    )
