"""MEAN of 8-bit codes, as each of LiteRT's kernels computes it from the sum of the codes.

Grids are scale and zero point; sums are of the codes as they are, ``count`` of them.
"""

import numpy as np
from numpy.typing import NDArray

from sr2tflite.numerics.fixed_point import FixedPoint, fixed_point, multiply

Codes = NDArray[np.int64]
Grid = tuple[float, int]

_FRACTION_BITS = 31


def by_float(sums: Codes, count: int, x: Grid, out: Grid, ends: tuple[int, int]) -> Codes:
    """``clip(round_half_even(sum·m + (z − (count·z_x)·m)))``, ``m = (s_x/s)·(1/count)``, each operation in float32.

    Must equal XNNPACK's ``xnn_reshape_reduce_nd`` and its conversion of int32 to ``qint8`` or ``quint8``.
    """
    multiplier = np.float32(x[0]) / np.float32(out[0]) * (np.float32(1) / np.float32(count))
    zero = np.float32(out[1]) - np.float32(count * x[1]) * multiplier
    codes: Codes = np.rint(np.clip(sums.astype(np.float32) * multiplier + zero, *ends)).astype(np.int64)
    return codes


def over_images(sums: Codes, count: int, x: Grid, out: Grid, *, ties_up: bool) -> Codes:
    """``sum·m + (z − round(z_x·s_x/s))``, ``m = s_x/(count·s)``; both numbers in float32, m then in fixed point.

    Must equal ``optimized_integer_ops::Mean`` (``kernels/internal/optimized/integer_ops/mean.h``) and
    ``optimized_ops::Mean`` for uint8, which take the mean over height and width of N×H×W×C.

    Args:
        sums: Of codes.
        count: How many there are in each.
        x: Grid of the input.
        out: Grid of the output.
        ties_up: Where the kernel computes with NEON.
    """
    shift = np.float32(x[1]) * np.float32(x[0]) / np.float32(out[0])
    rounded = int(shift + np.float32(0.5 if shift > 0 else -0.5))
    factor = fixed_point(float(np.float32(x[0]) / (np.float32(count) * np.float32(out[0]))))
    return multiply(sums, factor, ties_up=ties_up) + (out[1] - rounded)


def by_fixed_point(sums: Codes, count: int, x: Grid, out: Grid) -> Codes:
    """``(sum − count·z_x)·(s_x/s)/count + z`` in fixed point; the multiplier is divided by the count, cut.

    Must equal ``reference_ops::QuantizedMeanOrSum`` (``kernels/internal/reference/reduce.h``).
    """
    factor = fixed_point(x[0] / out[0])
    shift = min(int(count).bit_length() - 1, 32, _FRACTION_BITS + int(factor.shift))
    multiplier = (int(factor.multiplier) << shift) // count
    return multiply(sums - count * x[1], FixedPoint(multiplier, int(factor.shift) - shift)) + out[1]
