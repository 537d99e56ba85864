"""Quantization parameters as QDQ ONNX keeps them: initializers of QuantizeLinear and DequantizeLinear."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph.model import DType
from sr2tflite.numerics.qparams import QuantParams

Constants = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Constant:
    """A constant as it stands in the file, channels first."""

    value: NDArray[Any]
    scale: NDArray[Any] | None = None
    zero_point: NDArray[Any] | None = None
    axis: int | None = None

    def quant(self, axis: int | None) -> QuantParams | None:
        """Its parameters, the scales along ``axis`` of the graph's layout."""
        return None if self.scale is None else _params(self.scale, self.zero_point, axis)


def dequantized_constant(node: Any, constants: Constants, where: str) -> Constant:
    """The constant behind a DequantizeLinear that reads an initializer.

    Raises:
        UnsupportedError: The node is not of the form that the writer emits.
    """
    value, scale, zero_point = _operands(node, constants, where)
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    wanted = {"axis"} if scale.ndim == 1 else set()
    if value is None or set(attributes) != wanted:
        raise UnsupportedError("DequantizeLinear of an unknown form", where=where)
    return Constant(value, scale, zero_point, attributes.get("axis"))


def pair_params(quantize: Any, dequantize: Any, constants: Constants, where: str) -> tuple[DType, QuantParams]:
    """Type and parameters of the activation that a QuantizeLinear–DequantizeLinear pair rounds.

    Raises:
        UnsupportedError: The two do not say the same, per tensor.
    """
    _, scale, zero_point = _operands(quantize, constants, where)
    same = list(quantize.input[1:]) == list(dequantize.input[1:])
    dtype = "none" if zero_point is None else zero_point.dtype.name
    if not same or quantize.attribute or dequantize.attribute or dtype not in ("int8", "uint8", "int16"):
        raise UnsupportedError("QuantizeLinear and DequantizeLinear do not say the same", where=where)
    if scale.ndim != 0:
        raise UnsupportedError(f"activation has {scale.size} scales; expected one for the tensor", where=where)
    return cast(DType, dtype), _params(scale, zero_point, None)


def _operands(node: Any, constants: Constants, where: str) -> tuple[NDArray[Any] | None, NDArray[Any], Any]:
    if not 2 <= len(node.input) <= 3 or any(name not in constants for name in node.input[1:]):
        raise UnsupportedError(f"{node.op_type} without constant scale and zero point", where=where)
    scale, *zero_points = (constants[name] for name in node.input[1:])
    zero_point = zero_points[0] if zero_points else None
    if scale.dtype != np.float32 or scale.ndim > 1 or (zero_point is not None and zero_point.shape != scale.shape):
        raise InputError("scale and zero point do not fit each other", where=where, hint="the file is corrupt")
    return constants.get(node.input[0]), scale, zero_point


def _params(scale: NDArray[Any], zero_point: NDArray[Any] | None, axis: int | None) -> QuantParams:
    scales = tuple(float(value) for value in scale.reshape(-1))
    zeros = (0,) * len(scales) if zero_point is None else tuple(int(value) for value in zero_point.reshape(-1))
    return QuantParams(scales, zeros, axis)
