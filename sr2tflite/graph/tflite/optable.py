"""How each op of the deploy graph is spelled in the TFLite schema: its options, both ways."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from sr2tflite.graph import ops

NAME_OF_BUILTIN: dict[int, str] = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}
"""Builtin operator code → TFLite's name."""

_ACTIVATIONS: dict[ops.Activation, int] = {
    name: getattr(schema.ActivationFunctionType, name) for name in get_args(ops.Activation)
}
_ACTIVATION_NAMES = {code: name for name, code in _ACTIVATIONS.items()}
_PADDING_NAMES: dict[int, ops.Padding] = {schema.Padding.SAME: "SAME", schema.Padding.VALID: "VALID"}


@dataclass(frozen=True)
class OpCodec:
    """One op's options: which schema record holds them, how they are put in and taken out."""

    options: str | None
    """Name of the record, as in ``Conv2DOptions``; None where the op has none."""

    fill: Callable[[Any, Any], None]
    """Puts an op's attributes into the record."""

    decode: Callable[[Any], ops.Op]
    """The op from the record; KeyError where the record says what the deploy graph cannot.

    What constant inputs say is not in it yet; see ``operands``.
    """

    def encode(self, op: ops.Op) -> tuple[int, Any]:
        """The options' union type and record."""
        if self.options is None:
            return schema.BuiltinOptions.NONE, None
        record = getattr(schema, f"{self.options}T")()
        self.fill(record, op)
        return getattr(schema.BuiltinOptions, self.options), record


def _plain(op: Callable[[], ops.Op], options: str | None = None) -> OpCodec:
    return OpCodec(options, lambda _record, _op: None, lambda _record: op())


def _activated(op: Callable[..., ops.Op], options: str) -> OpCodec:
    def fill(record: Any, op: Any) -> None:
        record.fusedActivationFunction = _ACTIVATIONS[op.activation]

    return OpCodec(options, fill, lambda r: op(activation=_ACTIVATION_NAMES[r.fusedActivationFunction]))


def _fill_conv(record: Any, op: ops.Conv2D | ops.DepthwiseConv2D) -> None:
    record.padding = getattr(schema.Padding, op.padding)
    record.strideH, record.strideW = op.stride
    record.dilationHFactor, record.dilationWFactor = op.dilation
    record.fusedActivationFunction = _ACTIVATIONS[op.activation]
    if isinstance(op, ops.DepthwiseConv2D):
        record.depthMultiplier = op.multiplier


def _conv_attributes(record: Any) -> dict[str, Any]:
    return {
        "stride": (record.strideH, record.strideW),
        "dilation": (record.dilationHFactor, record.dilationWFactor),
        "padding": _PADDING_NAMES[record.padding],
        "activation": _ACTIVATION_NAMES[record.fusedActivationFunction],
    }


def _fill_concatenation(record: Any, op: ops.Concatenation) -> None:
    record.axis = op.axis


def _concatenation(record: Any) -> ops.Op:
    if record.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        raise KeyError("fused activation")
    return ops.Concatenation(record.axis)


def _fill_leaky_relu(record: Any, op: ops.LeakyRelu) -> None:
    record.alpha = op.alpha


def decimal(value: float) -> float:
    """The shortest decimal that is this float32: 0.2 for 0.20000000298."""
    return float(str(np.float32(value)))


def _fill_depth_to_space(record: Any, op: ops.DepthToSpace) -> None:
    record.blockSize = op.block_size


def _fill_space_to_depth(record: Any, op: ops.SpaceToDepth) -> None:
    record.blockSize = op.block


def _fill_transpose_conv(record: Any, op: ops.TransposeConv) -> None:
    record.padding = getattr(schema.Padding, op.padding)
    record.strideH, record.strideW = op.stride
    record.fusedActivationFunction = _ACTIVATIONS[op.activation]


def _transpose_conv(record: Any) -> ops.Op:
    return ops.TransposeConv(
        (record.strideH, record.strideW),
        _PADDING_NAMES[record.padding],
        _ACTIVATION_NAMES[record.fusedActivationFunction],
    )


def _fill_fully_connected(record: Any, op: ops.FullyConnected) -> None:
    record.fusedActivationFunction, record.keepNumDims = _ACTIVATIONS[op.activation], op.keep_num_dims


def _fully_connected(record: Any) -> ops.Op:
    if record.weightsFormat != schema.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise KeyError("shuffled weights")
    return ops.FullyConnected(_ACTIVATION_NAMES[record.fusedActivationFunction], bool(record.keepNumDims))


def _fill_resize_bilinear(record: Any, op: ops.ResizeBilinear) -> None:
    record.alignCorners, record.halfPixelCenters = op.align_corners, op.half_pixel_centers


def _resize_bilinear(record: Any) -> ops.Op:
    if record.alignCorners and record.halfPixelCenters:
        raise KeyError("both aligned corners and half-pixel centers")
    return ops.ResizeBilinear((1, 1), bool(record.alignCorners), bool(record.halfPixelCenters))


def _fill_reshape(record: Any, op: ops.Reshape) -> None:
    record.newShape = np.array(op.shape, np.int32)


def _reshape(record: Any) -> ops.Op:
    return ops.Reshape(() if record.newShape is None else tuple(int(size) for size in record.newShape))


def _fill_strided_slice(record: Any, op: ops.StridedSlice) -> None:
    record.beginMask, record.endMask, record.shrinkAxisMask = op.begin_mask, op.end_mask, op.shrink_axis_mask


def _strided_slice(record: Any) -> ops.Op:
    if record.ellipsisMask or record.newAxisMask or record.offset:
        raise KeyError("an ellipsis, a new axis or an offset")
    return ops.StridedSlice((), (), (), record.beginMask, record.endMask, record.shrinkAxisMask)


def _fill_gather(record: Any, op: ops.Gather) -> None:
    record.axis = op.axis


def _gather(record: Any) -> ops.Op:
    if record.batchDims:
        raise KeyError("batch dimensions")
    return ops.Gather((), record.axis)


def _fill_split(record: Any, op: ops.Split) -> None:
    record.numSplits = op.parts


def _fill_mean(record: Any, op: ops.Mean) -> None:
    record.keepDims = op.keep_dims


def _resize(record: Any) -> ops.Op:
    """Half-pixel centers change nothing at a whole factor: ⌊(i + ½)/f⌋ = ⌊i/f⌋."""
    if record.alignCorners:
        raise KeyError("aligned corners")
    return ops.ResizeNearestNeighbor()


CODECS: dict[str, OpCodec] = {
    "CONV_2D": OpCodec("Conv2DOptions", _fill_conv, lambda r: ops.Conv2D(**_conv_attributes(r))),
    "DEPTHWISE_CONV_2D": OpCodec(
        "DepthwiseConv2DOptions",
        _fill_conv,
        lambda r: ops.DepthwiseConv2D(**_conv_attributes(r), multiplier=r.depthMultiplier),
    ),
    "ADD": _activated(ops.Add, "AddOptions"),
    "SUB": _activated(ops.Sub, "SubOptions"),
    "MUL": _activated(ops.Mul, "MulOptions"),
    "CONCATENATION": OpCodec("ConcatenationOptions", _fill_concatenation, _concatenation),
    "RELU": _plain(ops.Relu),
    "RELU6": _plain(ops.Relu6),
    "RELU_0_TO_1": _plain(ops.Relu0To1),
    "LEAKY_RELU": OpCodec("LeakyReluOptions", _fill_leaky_relu, lambda r: ops.LeakyRelu(decimal(r.alpha))),
    "PRELU": _plain(ops.PRelu),
    "MINIMUM": _plain(ops.Minimum, "MaximumMinimumOptions"),
    "MAXIMUM": _plain(ops.Maximum, "MaximumMinimumOptions"),
    "LOGISTIC": _plain(ops.Logistic),
    "TANH": _plain(ops.Tanh),
    "HARD_SWISH": _plain(ops.HardSwish, "HardSwishOptions"),
    "DEPTH_TO_SPACE": OpCodec("DepthToSpaceOptions", _fill_depth_to_space, lambda r: ops.DepthToSpace(r.blockSize)),
    "SPACE_TO_DEPTH": OpCodec("SpaceToDepthOptions", _fill_space_to_depth, lambda r: ops.SpaceToDepth(r.blockSize)),
    "RESIZE_NEAREST_NEIGHBOR": OpCodec("ResizeNearestNeighborOptions", lambda _record, _op: None, _resize),
    "TRANSPOSE_CONV": OpCodec("TransposeConvOptions", _fill_transpose_conv, _transpose_conv),
    "FULLY_CONNECTED": OpCodec("FullyConnectedOptions", _fill_fully_connected, _fully_connected),
    "RESIZE_BILINEAR": OpCodec("ResizeBilinearOptions", _fill_resize_bilinear, _resize_bilinear),
    "MEAN": OpCodec("ReducerOptions", _fill_mean, lambda r: ops.Mean((), bool(r.keepDims))),
    "PAD": _plain(lambda: ops.Pad(()), "PadOptions"),
    "PADV2": _plain(lambda: ops.PadV2(()), "PadV2Options"),
    "RESHAPE": OpCodec("ReshapeOptions", _fill_reshape, _reshape),
    "TRANSPOSE": _plain(lambda: ops.Transpose(()), "TransposeOptions"),
    "GATHER": OpCodec("GatherOptions", _fill_gather, _gather),
    "STRIDED_SLICE": OpCodec("StridedSliceOptions", _fill_strided_slice, _strided_slice),
    "SPLIT": OpCodec("SplitOptions", _fill_split, lambda r: ops.Split(0, r.numSplits)),
    "QUANTIZE": _plain(ops.Quantize, "QuantizeOptions"),
    "DEQUANTIZE": _plain(ops.Dequantize, "DequantizeOptions"),
}
"""Op kind → its spelling; the keys are TFLite's builtin names."""
