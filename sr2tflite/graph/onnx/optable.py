"""How each op of the deploy graph is spelled in ONNX: the op type, its attributes and extra inputs, both ways.

Reading decodes the op type and attributes into an op, spells that op again and compares: what does not come out the
same is outside what this codec reads.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import ops
from sr2tflite.graph.onnx.layout import AXES
from sr2tflite.graph.onnx.names import FACTORS, HIGH, LOW

Constants = dict[str, NDArray[Any]]
Window = ops.Conv2D | ops.DepthwiseConv2D


@dataclass(frozen=True)
class Spelling:
    """One ONNX node without its names."""

    op_type: str
    attributes: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Constant inputs after the graph's own: suffix → value; an empty suffix is an input left out."""


@dataclass(frozen=True)
class Context:
    """What a convolution's spelling depends on beside its attributes."""

    channels: int
    """Of the input."""

    weight_OIHW: tuple[int, ...] = ()  # noqa: N815


def clip(low: float, high: float) -> Spelling:
    """``min(max(x, low), high)``."""
    return Spelling("Clip", extra={LOW: np.array(low, np.float32), HIGH: np.array(high, np.float32)})


ACTIVATIONS: dict[ops.Activation, Spelling] = {
    "RELU": Spelling("Relu"),
    "RELU6": clip(0, 6),
    "RELU_N1_TO_1": clip(-1, 1),
}
"""Fused activation → the node that stands for it."""

_PLAIN: dict[str, Spelling] = {
    "ADD": Spelling("Add"),
    "SUB": Spelling("Sub"),
    "MUL": Spelling("Mul"),
    "MINIMUM": Spelling("Min"),
    "MAXIMUM": Spelling("Max"),
    "RELU": Spelling("Relu"),
    "RELU6": clip(0, 6),
    "RELU_0_TO_1": clip(0, 1),
    "PRELU": Spelling("PRelu"),
    "LOGISTIC": Spelling("Sigmoid"),
    "TANH": Spelling("Tanh"),
    "HARD_SWISH": Spelling("HardSwish"),
    "DEQUANTIZE": Spelling("Identity"),
}


UNSPELLED = (
    *(ops.TransposeConv, ops.FullyConnected, ops.ResizeBilinear, ops.Mean, ops.Pad, ops.PadV2),
    *(ops.Reshape, ops.Transpose, ops.Gather, ops.StridedSlice, ops.Split),
)
"""Ops that are read from other tools' TFLite files only, and have no ONNX form here."""


def spell(op: ops.Op, context: Context) -> Spelling | None:
    """The ONNX node for an op without its fused activation; None for an op outside the set."""
    match op:
        case ops.Conv2D() | ops.DepthwiseConv2D():
            return _conv(op, context)
        case ops.Concatenation(axis=axis):
            return Spelling("Concat", {"axis": AXES[axis]})
        case ops.LeakyRelu(alpha=alpha):
            return Spelling("LeakyRelu", {"alpha": alpha})
        case ops.DepthToSpace(block_size=block):
            return Spelling("DepthToSpace", {"blocksize": block, "mode": "DCR"})
        case ops.SpaceToDepth(block=block):
            return Spelling("SpaceToDepth", {"blocksize": block})
        case ops.ResizeNearestNeighbor(factor=factor):
            return _resize(factor)
        case _:
            return _PLAIN.get(op.kind)


def _conv(op: Window, context: Context) -> Spelling:
    _, inputs, *kernel = context.weight_OIHW
    attributes: dict[str, Any] = {
        "group": context.channels if isinstance(op, ops.DepthwiseConv2D) else context.channels // inputs,
        "kernel_shape": list(kernel),
        "strides": list(op.stride),
        "dilations": list(op.dilation),
    }
    if op.padding == "VALID":
        attributes["auto_pad"] = "VALID"
    elif op.stride == (1, 1):
        attributes["pads"] = _same_pads(kernel, op.dilation)
    else:
        attributes["auto_pad"] = "SAME_UPPER"
    return Spelling("Conv", attributes)


def _same_pads(kernel: list[int], dilation: tuple[int, int]) -> list[int]:
    """TFLite's SAME at stride 1, which no size changes: top, left, bottom, right."""
    totals = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


def _resize(factor: int) -> Spelling:
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return Spelling("Resize", attributes, {"": np.array(()), FACTORS: np.array([1, 1, factor, factor], np.float32)})


def _decode_conv(attributes: dict[str, Any], kind: str) -> ops.Op:
    stride, dilation = _pair(attributes["strides"]), _pair(attributes["dilations"])
    padding: ops.Padding = "VALID" if attributes.get("auto_pad") == "VALID" else "SAME"
    if kind == "DEPTHWISE_CONV_2D":
        return ops.DepthwiseConv2D(stride, dilation, padding)
    return ops.Conv2D(stride, dilation, padding)


def _pair(values: Any) -> tuple[int, int]:
    first, second = (int(value) for value in values)
    return first, second


def _decode_clip(_attributes: dict[str, Any], extra: list[NDArray[Any]]) -> ops.Op:
    low, high = (float(value) for value in extra)
    return {(0.0, 6.0): ops.Relu6(), (0.0, 1.0): ops.Relu0To1()}[low, high]


_DECODERS: dict[str, Callable[[dict[str, Any], list[NDArray[Any]]], ops.Op]] = {
    "Add": lambda _attributes, _extra: ops.Add(),
    "Sub": lambda _attributes, _extra: ops.Sub(),
    "Mul": lambda _attributes, _extra: ops.Mul(),
    "Min": lambda _attributes, _extra: ops.Minimum(),
    "Max": lambda _attributes, _extra: ops.Maximum(),
    "Relu": lambda _attributes, _extra: ops.Relu(),
    "Clip": _decode_clip,
    "PRelu": lambda _attributes, _extra: ops.PRelu(),
    "Sigmoid": lambda _attributes, _extra: ops.Logistic(),
    "Tanh": lambda _attributes, _extra: ops.Tanh(),
    "HardSwish": lambda _attributes, _extra: ops.HardSwish(),
    "Identity": lambda _attributes, _extra: ops.Dequantize(),
    "Concat": lambda attributes, _extra: ops.Concatenation(AXES.index(attributes["axis"])),
    "LeakyRelu": lambda attributes, _extra: ops.LeakyRelu(float(str(np.float32(attributes["alpha"])))),
    "DepthToSpace": lambda attributes, _extra: ops.DepthToSpace(int(attributes["blocksize"])),
    "SpaceToDepth": lambda attributes, _extra: ops.SpaceToDepth(int(attributes["blocksize"])),
    "Resize": lambda _attributes, extra: ops.ResizeNearestNeighbor(int(extra[-1][-1])),
}

OP_TYPES = frozenset({"Conv", "QuantizeLinear", "DequantizeLinear", *_DECODERS})
"""The op types that are read, as far as their attributes go."""

EXTRA_INPUTS = {"Clip": 2, "Resize": 2}
"""How many inputs of an op type are attributes in disguise."""


def decode(op_type: str, attributes: dict[str, Any], extra: list[NDArray[Any]], kind: str) -> ops.Op | None:
    """The op that could be spelled like this; None for an op type outside the set.

    Raises:
        KeyError, ValueError, TypeError, IndexError, OverflowError: The attributes are not those of any op of the set.
    """
    if op_type == "Conv":
        return _decode_conv(attributes, kind)
    decoder = _DECODERS.get(op_type)
    return decoder(attributes, extra) if decoder else None
