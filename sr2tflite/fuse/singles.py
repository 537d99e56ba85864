"""Captured ops that stand for one op of the deploy graph each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import Node

from sr2tflite.errors import UnsupportedError
from sr2tflite.fuse.builder import F64, Builder, node_name
from sr2tflite.fuse.capture import Captured
from sr2tflite.fuse.origin import op_name, place
from sr2tflite.fuse.regions import shape
from sr2tflite.graph import Op, ops

Mapper = Callable[["Single"], str]


class Single:
    """One captured node on its way into the graph.

    Args:
        captured: The graph it is in.
        builder: The graph it goes to.
        node: The node.
    """

    def __init__(self, captured: Captured, builder: Builder, node: Node) -> None:
        self.captured, self.builder, self.node = captured, builder, node
        self.name = node_name(node)

    def argument(self, index: int, name: str, default: Any = None) -> Any:
        """An argument by position or name, as a value where it lies in weight space."""
        if index < len(self.node.args):
            return self.captured.value(self.node.args[index])
        return self.captured.value(self.node.kwargs.get(name, default))

    def sources(self) -> list[str]:
        """The tensors of the activations among the positional arguments."""
        return [self.builder.tensor(arg) for arg in self.node.args if isinstance(arg, Node) and self.is_pixel(arg)]

    def is_pixel(self, node: Node) -> bool:
        return node not in self.captured.constants

    def emit(self, op: Op, *inputs: str) -> str:
        return self.builder.emit(op, inputs, self.name)

    def constant(self, values: F64) -> str:
        return self.builder.constant(f"{self.name}.constant", values)

    def refuse(self, found: str, expected: str) -> UnsupportedError:
        return UnsupportedError(f"{found}; expected {expected}", where=place(self.node))


def _pair(value: Any) -> tuple[int, int]:
    sizes = [value, value] if isinstance(value, int) else [*value, *value][:2]
    return int(sizes[0]), int(sizes[1])


def _padding(
    single: Single, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> ops.Padding:
    """TFLite's name for a convolution's zero padding."""
    given = single.argument(4, "padding", 0)
    if given == "same":
        return "SAME"
    pads = (0, 0) if given == "valid" else _pair(given)
    if pads == (0, 0):
        return "SAME" if kernel == stride == (1, 1) else "VALID"
    if stride == (1, 1) and all(2 * p == d * (k - 1) for p, d, k in zip(pads, dilation, kernel, strict=True)):
        return "SAME"
    raise single.refuse(f"padding {pads} of a {kernel[0]}×{kernel[1]} convolution with stride {stride}", "SAME or none")


def _conv(single: Single) -> str:
    weight, bias = single.argument(1, "weight"), single.argument(2, "bias")
    if not isinstance(weight, Tensor):
        raise single.refuse("a convolution whose weight depends on the input", "a constant weight")
    if single.node.args[6:7] == (True,) and op_name(single.node) == "convolution":
        raise single.refuse("a transposed convolution", "a convolution")
    kernel = _pair(weight.shape[2:])
    stride, dilation = _pair(single.argument(3, "stride", 1)), _pair(single.argument(5, "dilation", 1))
    op = ops.Conv2D(stride, dilation, _padding(single, kernel, stride, dilation))
    bias = torch.zeros(weight.shape[0]) if bias is None else bias
    return single.builder.convolution(op, single.sources()[0], (weight, bias), single.name)


def _binary(op: Callable[[], Op]) -> Mapper:
    def mapper(single: Single) -> str:
        sources = single.sources()
        if single.node.kwargs.get("alpha", 1) != 1 or len(sources) != 2:
            raise single.refuse(f"{op_name(single.node)} that is no plain sum or product of two images", "two images")
        return single.emit(op(), *sources)

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
    """A bound as a number where it is one."""
    return bound.item() if isinstance(bound, Tensor) and bound.numel() == 1 else bound


def _clamped(single: Single, lower: Any, upper: Any) -> str:
    (source,) = single.sources()
    if not isinstance(lower, Tensor) and not isinstance(upper, Tensor):
        match (lower, upper):
            case (0, 1):
                return single.emit(ops.Relu0To1(), source)
            case (0, 6):
                return single.emit(ops.Relu6(), source)
    if lower is not None:
        is_relu = not isinstance(lower, Tensor) and lower == 0
        source = single.emit(ops.Relu(), source) if is_relu else _bounded(single, ops.Maximum(), source, lower)
    return source if upper is None else _bounded(single, ops.Minimum(), source, upper)


def _bounded(single: Single, op: Op, source: str, bound: Any) -> str:
    value = bound if isinstance(bound, Tensor) else torch.tensor(float(bound), dtype=torch.float64)
    return single.emit(op, source, single.constant(per_channel(single, value)))


def _leaky_relu(single: Single) -> str:
    return single.emit(ops.LeakyRelu(float(single.argument(1, "negative_slope", 0.01))), *single.sources())


MAPPERS: dict[str, Mapper] = {
    "conv2d": _conv,
    "convolution": _conv,
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
}
"""The ops with a counterpart of their own."""


def is_mappable(captured: Captured, node: Node) -> bool:
    """Whether the node has a counterpart of its own."""
    name = op_name(node)
    if name in ("add", "sub", "mul"):
        return len(node.args) == 2 and all(arg not in captured.constants and isinstance(arg, Node) for arg in node.args)
    return name in MAPPERS


def map_single(captured: Captured, builder: Builder, node: Node, why: str | None) -> None:
    """Put one captured node into the graph as it is.

    Raises:
        UnsupportedError: It has no counterpart; the message says why no region could take it in.
    """
    mapper = MAPPERS.get(op_name(node))
    if mapper is None or not is_mappable(captured, node):
        reason = f" and cannot be folded into a convolution: {why}" if why else ""
        raise UnsupportedError(
            f"op {op_name(node)} is outside the deploy graph's set{reason}",
            where=place(node),
            hint="replace it by convolutions, sums and clamps; besides them there are: " + ", ".join(sorted(MAPPERS)),
        )
    builder.bind(node, mapper(Single(captured, builder, node)))
