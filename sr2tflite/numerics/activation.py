"""The codes that a fused activation keeps."""

from typing import Literal

import numpy as np

from sr2tflite.numerics.qparams import LIMITS, QuantParams

Activation = Literal["NONE", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"]

REAL_RANGES: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}
"""Smallest and largest real value of each activation; None where it has no end."""


def code_range(activation: str, params: QuantParams, dtype: str, *, half_even: bool) -> tuple[int, int]:
    """Smallest and largest code kept: ``round(end / s) + z``, the quotient in float32, within the type's limits.

    Must equal TFLite's ``CalculateActivationRangeQuantized`` (``kernels/kernel_util.cc``), which rounds ties away from
    zero, or XNNPACK's ``xnn_qs8_quantize`` and ``xnn_qu8_quantize``, which round them to even.

    Args:
        activation: Its TFLite name.
        params: Of the output.
        dtype: Of the output.
        half_even: Which of the two roundings.
    """
    limits = LIMITS[dtype]
    ends = (
        limit if end is None else _code(end, params, half_even=half_even)
        for end, limit in zip(REAL_RANGES[activation], limits, strict=True)
    )
    low, high = (min(max(code, limits[0]), limits[1]) for code in ends)
    return low, high


def _code(real: float, params: QuantParams, *, half_even: bool) -> int:
    quotient = float(np.float32(real) / np.float32(params.scale[0]))
    return int(round_half_even(quotient) if half_even else round_half_away(quotient)) + params.zero_point[0]


def round_half_even(value: float) -> float:
    """C's ``rint`` in its default mode."""
    return float(np.rint(value))


def round_half_away(value: float) -> float:
    """C's ``round``: ties away from zero."""
    return float(np.copysign(np.floor(abs(value) + 0.5), value))
