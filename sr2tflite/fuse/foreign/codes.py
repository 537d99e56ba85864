"""QuantizeLinear and DequantizeLinear: what they say, taken off the nodes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sr2tflite.errors import InputError
from sr2tflite.fuse.foreign.call import Call
from sr2tflite.fuse.foreign.weights import Array
from sr2tflite.graph.said import SaidConstant, SaidConv, SaidGrid
from sr2tflite.numerics.qparams import QuantParams

_HINT = "quantize the file again, with 8 bits"
_SHIFT = {"int8": 0, "uint8": 128}


def _positive(call: Call, position: int = 1) -> Array:
    """The scales of a node."""
    scale = call.constant(position)
    assert scale is not None  # the checker has counted the inputs
    if scale.dtype != np.float32 or not np.isfinite(scale).all() or (scale <= 0).any():
        raise InputError(f"scale {scale.reshape(-1)[:3]} is no positive float32", where=call.where, hint=_HINT)
    return scale.reshape(-1)


def grid_of(call: Call, label: str) -> SaidGrid:
    """The grid that a QuantizeLinear or DequantizeLinear of an image names.

    Raises:
        InputError: The scale is not positive.
        UnsupportedError: There is one per channel, or the type is not of 8 bits.
    """
    scale, zero_point = _positive(call), call.constant(2)
    if scale.size != 1:
        raise call.refuse(f"{scale.size} scales of an activation", "one for the tensor", _HINT)
    dtype = "uint8" if zero_point is None else zero_point.dtype.name
    if dtype not in _SHIFT:
        raise call.refuse(f"an activation as {dtype}", "int8 or uint8", _HINT)
    zero = 0 if zero_point is None else int(zero_point.reshape(-1)[0])
    return SaidGrid(label, QuantParams((float(scale[0]),), (zero - _SHIFT[dtype],)))


@dataclass(frozen=True, eq=False)
class Codes:
    """A constant behind a DequantizeLinear."""

    values: Array
    """As int64; those of uint8 are 128 smaller here, like their zero points."""

    scale: Array
    zero_point: Array
    axis: int

    def per_channel(self, channels: int) -> tuple[Array, Array]:
        """Scale and zero point of every channel."""
        return np.broadcast_to(self.scale, channels), np.broadcast_to(self.zero_point, channels)


def _zeros(call: Call) -> Array:
    """The zero points; uint8 0 where they are left out."""
    found = call.constant(2)
    return np.zeros(1, np.uint8) if found is None else found.reshape(-1)


def _along(call: Call, part: Array, values: Array) -> Array:
    """Scales or zero points, shaped to broadcast against a constant."""
    if call.attribute("block_size", 0):
        raise call.refuse("scales by blocks", "one, or one per channel", _HINT)
    shape = [1] * values.ndim
    if part.size != 1:
        axis = int(call.attribute("axis", 1)) % max(values.ndim, 1)
        if not values.ndim or part.size != values.shape[axis]:
            raise call.refuse(
                f"{part.size} scales or zero points along axis {axis} of {values.shape}", "as many", _HINT
            )
        shape[axis] = part.size
    return part.reshape(shape)


def quantized(call: Call) -> Array:
    """QuantizeLinear of a constant: ``clip(round_half_even(x / s) + z)``."""
    values, zeros = call.constant(0), _zeros(call)
    assert values is not None
    if zeros.dtype.name not in _SHIFT:
        raise call.refuse(f"a constant as {zeros.dtype.name}", "int8 or uint8", _HINT)
    limits = np.iinfo(zeros.dtype)
    steps = np.rint(values / _along(call, _positive(call), values))
    codes: Array = np.clip(steps + _along(call, zeros, values), limits.min, limits.max).astype(zeros.dtype)
    return codes


def dequantized(call: Call) -> tuple[Array, Codes]:
    """DequantizeLinear of a constant: ``(q − z) · s`` in float32; and what it was made of."""
    values, scale = call.constant(0), _positive(call)
    assert values is not None
    if values.dtype.name not in (*_SHIFT, "int32"):
        raise call.refuse(f"a constant as {values.dtype.name}", "int8, uint8 or int32", _HINT)
    shift = _SHIFT.get(values.dtype.name, 0)
    wide = values.astype(np.int64) - shift
    zeros = (np.zeros(1, np.int64) if call.constant(2) is None else _zeros(call).astype(np.int64)) - shift
    centered = wide - _along(call, zeros, values)
    real: Array = centered.astype(np.float32) * _along(call, scale, values)
    return real, Codes(wide, scale, zeros, int(call.attribute("axis", 1)) % max(values.ndim, 1))


def conv_of(call: Call, label: str, known: dict[str, Codes]) -> SaidConv | None:
    """The integers of a Conv; None where its weight is no constant behind a DequantizeLinear, or not by channel."""
    names = [*call.node.input, ""][:3]
    codes, bias_codes = known.get(names[1]), known.get(names[2])
    weight, bias = call.weights(1), call.weights(2)
    if codes is None or weight is None or (codes.scale.size > 1 and codes.axis != 0):
        return None
    channels = len(weight)
    scale, zero_point = codes.per_channel(channels)
    return SaidConv(
        where=label,
        codes_OIHW=codes.values,
        scale=scale,
        zero_point=zero_point,
        weight_OIHW=weight,
        bias=np.zeros(channels, np.float32) if bias is None else bias,
        bias_codes=None if bias_codes is None else bias_codes.values,
        bias_scale=None if bias_codes is None else bias_codes.per_channel(channels)[0],
    )


def constants_of(call: Call, label: str, known: dict[str, Codes]) -> list[SaidConstant]:
    """The integers of the operands of a PRelu, Add, Sub or Mul that are constants of one 8-bit scale."""
    found = []
    for position, name in enumerate(call.node.input):
        codes = known.get(name)
        values = None if codes is None else call.weights(position)
        if codes is None or values is None or codes.scale.size > 1:
            continue
        if codes.values.min() >= -128 and codes.values.max() <= 127:
            params = QuantParams((float(codes.scale[0]),), (int(codes.zero_point.reshape(-1)[0]),))
            found.append(SaidConstant(label, codes.values, params, values))
    return found


def is_rounding(node: Any) -> bool:
    """Whether a node is one of the two."""
    return node.op_type in ("QuantizeLinear", "DequantizeLinear")
