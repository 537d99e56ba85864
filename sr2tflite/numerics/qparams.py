"""Quantization parameters: real = scale · (q − zero_point), on the grids the TFLite INT8 specification allows.

Activations are int8, affine, per tensor; convolution weights are int8, symmetric, narrow (−127…127), per output channel
or per tensor; biases are int32 with scale s_x·s_w[c]. uint8 is int8 with codes and zero points 128 higher, per tensor.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

IntegerType = Literal["int8", "uint8", "int16", "int32"]
FloatArray = NDArray[np.floating[Any]]

LIMITS: dict[str, tuple[int, int]] = {
    "int4": (-8, 7),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
"""Smallest and largest code of each integer type."""

WEIGHT_LIMIT = 127
"""Weights use −127…127: the grid is symmetric, and −128 · −128 cannot occur in the kernels."""

LARGEST_BIAS_CODE = 2**22
"""A weight scale is raised where the bias needs a larger code. float32 accumulators hold four times as much; in
converters' files codes travel as float32 ``q · s_b``, where two roundings of 2^-24 each must not move them by half."""

STEPS = 255
"""Steps between the 256 codes of an activation."""

UINT8_SHIFT = 128
"""From an int8 code to the uint8 code of the same value; zero points move along."""

WEIGHT_ZERO: dict[str, int] = {"int4": 0, "int8": 0, "uint8": UINT8_SHIFT}
"""Zero point of symmetric weights of each type."""

SCALE_BITS = 16
"""Scales carry this many significant bits, so that scale · 255 and the like stay exact in float32 on every road."""

SMALLEST_SCALE = 2.0**-40
"""A range of zero width still needs a scale; this one is far under any pixel's worth and keeps multipliers normal."""


@dataclass(frozen=True)
class QuantParams:
    """Scale and zero point of a tensor, per tensor or per channel.

    ``real = scale · (q − zero_point)``.
    """

    scale: tuple[float, ...]
    """One value, or one per channel; each is exactly a float32."""

    zero_point: tuple[int, ...]
    """As many as scales; 0 for weights and biases."""

    axis: int | None = None
    """The channel axis, or None for one pair for the whole tensor."""

    @property
    def per_channel(self) -> bool:
        return self.axis is not None

    def broadcast(self, rank: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Scale and zero point shaped to broadcast against a tensor of ``rank`` dimensions."""
        shape = [1] * rank
        if self.axis is not None:
            shape[self.axis] = -1
        return (
            np.asarray(self.scale, np.float32).reshape(shape),
            np.asarray(self.zero_point, np.int32).reshape(shape),
        )


def round_scale(scale: FloatArray | float) -> NDArray[np.float32]:
    """Scales rounded to 16 significant bits (ties to even), the form every scale is born in.

    A scale that passes through another tool as float32 range ends (min = s·(qmin − z), max = s·(qmax − z)) comes back
    the same only while those products are exact in float32.
    """
    mantissa, exponent = np.frexp(np.maximum(np.asarray(scale, np.float64), SMALLEST_SCALE))
    rounded: NDArray[np.float32] = np.ldexp(np.rint(mantissa * 2**SCALE_BITS), exponent - SCALE_BITS).astype(np.float32)
    return rounded


def affine(low: float, high: float, dtype: Literal["int8", "uint8"] = "int8", steps: int = STEPS) -> QuantParams:
    """Parameters for the real range low…high with zero exactly on the grid.

    ``l = min(low, 0); u = max(high, 0); s = (u − l)/steps; z = clip(round(qmin − l/s), qmin, qmax)`` with
    ``qmin = qmax − steps``: fewer steps leave codes at the lower end of the type unused.
    """
    qmax = LIMITS[dtype][1]
    qmin = qmax - steps
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    scale = float(round_scale((high - low) / (qmax - qmin)))
    zero_point = int(np.clip(np.rint(qmin - low / scale), qmin, qmax))
    return QuantParams((scale,), (zero_point,))


def affine_within(low: float, high: float, floor: float, ceiling: float, steps: int = STEPS) -> QuantParams:
    """Parameters for a range whose ends saturation must not pass: it then clips to floor…ceiling.

    As ``affine`` for the part of low…high within them; where zero's rounding, or the scale's, would push an end over,
    the scale is the largest of 16 bits that does not: ``s ≤ ceiling/(qmax − z)`` and ``s ≤ floor/(qmin − z)``.

    Args:
        low: Of the range.
        high: Of the range.
        floor: At most zero; −inf for none.
        ceiling: At least zero; inf for none.
        steps: As for ``affine``.
    """
    qmax = LIMITS["int8"][1]
    qmin = qmax - steps
    params = affine(max(low, floor), min(high, ceiling), steps=steps)
    (scale,), (zero_point,) = params.scale, params.zero_point
    for end, codes in ((ceiling, qmax - zero_point), (floor, qmin - zero_point)):
        if codes and end / codes < scale:
            mantissa, exponent = np.frexp(max(end / codes, SMALLEST_SCALE))
            scale = float(np.ldexp(np.floor(mantissa * 2**SCALE_BITS), exponent - SCALE_BITS))
    return QuantParams((scale,), (zero_point,))


def operand(values: FloatArray, smallest: float = 0.0) -> QuantParams:
    """Parameters for the few values of a constant operand of ADD, SUB or MUL, which no code may miss by much.

    Of the scales ``max(span/k, smallest)``, k = 255…1, span from the least value or zero to the greatest or zero, the
    one whose largest error is least, the first of equals: integers as a rule come out exact, one value always does.

    Args:
        values: The constant.
        smallest: No scale is smaller; for what a kernel does not take.
    """
    low, high = min(float(np.min(values)), 0.0), max(float(np.max(values)), 0.0)
    best, least, slack = affine(low, high), np.inf, (high - low) * 2.0**-SCALE_BITS
    for codes in range(255, 0, -1):
        scale = float(round_scale(max((high - low) / codes, smallest)))
        zero_point = int(np.clip(-128 - np.rint(low / scale), -128, 127))
        params = QuantParams((scale,), (zero_point,))
        error = float(np.abs(dequantize(quantize(values, params, "int8"), params) - values).max())
        if error < least - slack or (error == 0 < least):
            best, least = params, error
    return best


def symmetric(max_abs: FloatArray | float, axis: int | None, limit: int = WEIGHT_LIMIT) -> QuantParams:
    """Weight parameters from the largest magnitude per channel or of the tensor: ``s = max|w| / limit``, ``z = 0``."""
    scales = round_scale(np.atleast_1d(np.asarray(max_abs, np.float64)) / limit)
    return QuantParams(tuple(float(s) for s in scales), (0,) * len(scales), axis)


def bias_params(input_scale: float, weight: QuantParams) -> QuantParams:
    """Bias parameters: ``s_b[c] = s_x · s_w[c]`` in float32, ``z = 0``, along axis 0."""
    scales = np.float32(input_scale) * np.asarray(weight.scale, np.float32)
    return QuantParams(tuple(float(s) for s in scales), (0,) * len(scales), 0 if weight.per_channel else None)


def quantize(real: FloatArray, params: QuantParams, dtype: IntegerType, limit: int | None = None) -> NDArray[Any]:
    """Codes of real values: ``q = clip(round_half_even(x / s) + z)``, in float64.

    Args:
        real: Real values.
        params: Their quantization parameters.
        dtype: The integer type of the codes.
        limit: For the narrow weight grid: the largest magnitude of a code.
    """
    qmin, qmax = (-limit, limit) if limit else LIMITS[dtype]
    scale, zero_point = params.broadcast(real.ndim)
    codes = np.rint(real.astype(np.float64) / scale.astype(np.float64)) + zero_point
    return np.clip(codes, qmin, qmax).astype(dtype)


def dequantize(codes: NDArray[Any], params: QuantParams) -> NDArray[np.float32]:
    """Real values of codes: ``x = s · (q − z)`` in float32."""
    scale, zero_point = params.broadcast(codes.ndim)
    return scale * (codes.astype(np.int32) - zero_point).astype(np.float32)


def dequantize_in_two(codes: NDArray[Any], params: QuantParams) -> NDArray[np.float32]:
    """Real values of codes of one scale: ``x = s·q + (−z·s)``, each operation rounded to float32."""
    scale = np.float32(params.scale[0])
    return scale * codes.astype(np.float32) + np.float32(-params.zero_point[0]) * scale


FloatRounding = Literal["xnnpack", "builtin", "reference"]


def quantize_float(
    real: NDArray[np.float32], scale: float, zero_point: int, ends: tuple[int, int], rounding: FloatRounding
) -> NDArray[np.float64]:
    """Codes of float32 values as QUANTIZE computes them, not yet in their type.

    ``xnnpack``: ``clip(round_half_even(x·(1/s)) + z)`` in float32, as ``xnn_f32_qs8_vcvt_ukernel`` and NEON code.
    ``reference``: ``clip(round(x/s) + z)`` in float32 with ties away from zero, as ``reference_ops::AffineQuantize``;
    ``builtin``: the same in float64, as the plain part of ``optimized_ops::AffineQuantize``.
    """
    if rounding == "xnnpack":
        steps = np.rint(real * (np.float32(1) / np.float32(scale))).astype(np.float64)
    else:
        in_float32 = (real / np.float32(scale)).astype(np.float64)
        ratio = in_float32 if rounding == "reference" else real.astype(np.float64) / scale
        steps = np.copysign(np.floor(np.abs(ratio) + 0.5), ratio)
    codes: NDArray[np.float64] = np.clip(steps + zero_point, *ends)
    return codes
