"""The codes that a fused activation keeps."""

import numpy as np

from sr2tflite.numerics.qparams import LIMITS, QuantParams

REAL_RANGES: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}
"""Smallest and largest real value of each activation; None where it has no end."""


def code_range(activation: str, params: QuantParams, dtype: str, *, half_even: bool) -> tuple[int, int]:
    """Smallest and largest code kept, within the type's limits: ``round(end / s) + z``, ties away from zero.

    Half even: ``round_half_even(end / s + z)``, where a tie goes to the even code, not to the even distance from z. The
    quotient, and here the sum, are rounded to float32. Must equal TFLite's ``CalculateActivationRangeQuantized``
    (``kernels/kernel_util.cc``) or XNNPACK's ``xnn_qs8_quantize`` and ``xnn_qu8_quantize``.

    Args:
        activation: Its TFLite name.
        params: Of the output.
        dtype: Of the output.
        half_even: Which of the two.
    """
    limits = LIMITS[dtype]
    ends = (
        limit if end is None else _code(end, params, half_even=half_even)
        for end, limit in zip(REAL_RANGES[activation], limits, strict=True)
    )
    low, high = (min(max(code, limits[0]), limits[1]) for code in ends)
    return low, high


def _code(real: float, params: QuantParams, *, half_even: bool) -> int:
    quotient, zero = np.float32(real) / np.float32(params.scale[0]), params.zero_point[0]
    if half_even:
        return int(np.rint(quotient + np.float32(zero)))
    return int(np.copysign(np.floor(abs(float(quotient)) + 0.5), quotient)) + zero
