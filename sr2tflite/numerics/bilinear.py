"""RESIZE_BILINEAR of 8-bit codes, as each of LiteRT's kernels computes it: where an output reads, and what it makes.

Codes are interpolated as they are: the grids of input and output are the same.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_BITS = 10
"""Of a fraction, in TFLite's integer kernel."""

_ONE = 1 << _BITS

_Q11 = 11
"""Of a fraction, in XNNPACK."""


@dataclass(frozen=True)
class Axis:
    """For each output along an axis: the two inputs it lies between, and how far from the first to the second."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    fraction: Array

    def part(self, first: int, last: int) -> "Axis":
        """Those from the first up to, not including, the last."""
        return Axis(self.low[first:last], self.high[first:last], self.fraction[first:last])


@dataclass(frozen=True)
class Corners:
    """The four codes around each output."""

    top_left: Array
    top_right: Array
    bottom_left: Array
    bottom_right: Array


@dataclass(frozen=True)
class Alignment:
    """How the grid of the output lies on that of the input."""

    corners: bool = False
    """Their outermost pixels coincide."""

    centers: bool = False
    """Their areas coincide."""


def _float_ratio(size: int, wanted: int, *, corners: bool) -> np.float32:
    one = 1 if corners and wanted > 1 else 0
    return np.float32(size - one) / np.float32(wanted - one)


def axis_xnnpack(size: int, wanted: int, alignment: Alignment) -> Axis:
    """Positions in float32, fractions of 11 bits.

    Must equal ``xnn_indirection_init_resize_bilinear2d_hwc_q11`` (``src/indirection.c``).
    """
    ratio = _float_ratio(size, wanted, corners=alignment.corners)
    place = np.arange(wanted).astype(np.float32) * ratio
    if alignment.centers:
        half = np.float32(0.5)
        place = np.clip(place + (half * ratio - half), np.float32(0), np.float32(size - 1))
    low = place.astype(np.int64)
    fraction = np.rint((place - low.astype(np.float32)) * np.float32(1 << _Q11)).astype(np.int32)
    return Axis(low, np.minimum(low + 1, size - 1), fraction)


def blend_xnnpack(codes: Corners, down: Array, right: Array) -> Array:
    """``(t·2¹¹ + (b − t)·f_y + 2²¹) >> 22``, ``t = l·(2¹¹ − f_x) + r·f_x`` of the upper row, b of the lower one.

    Must equal ``xnn_s8_ibilinear_ukernel`` (``_u8`` for uint8).
    """
    left = (1 << _Q11) - right
    top = codes.top_left.astype(np.int32) * left + codes.top_right.astype(np.int32) * right
    bottom = codes.bottom_left.astype(np.int32) * left + codes.bottom_right.astype(np.int32) * right
    blended: Array = ((top << _Q11) + (bottom - top) * down + (1 << (2 * _Q11 - 1))) >> (2 * _Q11)
    return blended


def axis_integer(size: int, wanted: int, alignment: Alignment) -> Axis:
    """Positions in steps of 2⁻¹⁰, the ratio rounded to one; divisions cut towards zero.

    Must equal ``ComputeInterpolationValuesInteger`` (``kernels/internal/reference/resize_bilinear.h``), which with many
    outputs may lie outside the image.
    """
    one = 1 if alignment.corners and wanted > 1 else 0
    ratio = (_ONE * (size - one) + (wanted - one) // 2) // (wanted - one)
    place = np.arange(wanted, dtype=np.int64) * ratio + (ratio // 2 - _ONE // 2 if alignment.centers else 0)
    low = np.maximum(place, 0) >> _BITS
    high = np.minimum((place + _ONE - 1) >> _BITS, size - 1)
    return Axis(low, high, place - (low << _BITS))


def blend_integer(codes: Corners, down: Array, right: Array) -> Array:
    """The sum of the four codes, times their shares of 20 bits, rounded with ties away from zero.

    Must equal ``reference_ops::ResizeBilinearInteger`` (``kernels/internal/reference/resize_bilinear.h``).
    """
    up, left = _ONE - down, _ONE - right
    total = (codes.top_left * left + codes.top_right * right) * up
    total += (codes.bottom_left * left + codes.bottom_right * right) * down
    half = 1 << (2 * _BITS - 1)
    blended: Array = np.where(total > 0, (total + half) >> (2 * _BITS), -((half - total) >> (2 * _BITS)))
    return blended


def axis_float(size: int, wanted: int, alignment: Alignment) -> Axis:
    """Positions in float32.

    Must equal ``ComputeInterpolationValues`` (``kernels/internal/reference/resize_bilinear.h``).
    """
    ratio = _float_ratio(size, wanted, corners=alignment.corners)
    half = np.float32(0.5)
    steps = np.arange(wanted).astype(np.float32)
    place = (steps + half) * ratio - half if alignment.centers else steps * ratio
    low = np.maximum(np.floor(place), 0).astype(np.int64)
    high = np.minimum(np.ceil(place).astype(np.int64), size - 1)
    return Axis(low, high, place - low.astype(np.float32))


def blend_builtin(codes: Corners, down: Array, right: Array) -> Array:
    """``Σ code·share + ½`` in float32, the shares first, cut.

    Must equal ``ResizeBilinearGenericSmallChannel`` (``kernels/internal/optimized/resize_bilinear.h``).
    """
    up, left = np.float32(1) - down, np.float32(1) - right
    total = codes.top_left * (up * left) + codes.top_right * (up * right)
    total = total + codes.bottom_left * (down * left) + codes.bottom_right * (down * right)
    return _cut(total + np.float32(0.5))


def blend_reference(codes: Corners, down: Array, right: Array) -> Array:
    """``Σ code·share_y·share_x + ½`` in float32, column by column, cut.

    Must equal ``reference_ops::ResizeBilinear`` (``kernels/internal/reference/resize_bilinear.h``).
    """
    up, left = np.float32(1) - down, np.float32(1) - right
    total = codes.top_left * up * left + codes.bottom_left * down * left
    total = total + codes.top_right * up * right + codes.bottom_right * down * right
    return _cut(total + np.float32(0.5))


def _cut(value: Array) -> Array:
    return value.astype(np.int64)
