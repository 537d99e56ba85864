"""LOGISTIC and TANH of int16 codes, interpolated in one table of σ, as LiteRT's reference kernels compute them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]

SCALE_OUT = 2.0**-15
"""What both write, with zero point 0."""

LARGEST_SCALE = 65536 / (3 * 4096)
"""Input scales are smaller, or products with codes leave 32 bits."""

_OFF_THE_CURVE = {3: -1, 35: 1, 174: -1, 255: 1}
"""Entries of LiteRT's table that no rounding of the curve gives, and by how much."""


def _table() -> NDArray[np.int64]:
    """``⌊65535.5·σ(0.041668·i) + 1⌋`` but for ``_OFF_THE_CURVE``: nearly ``2¹⁶·σ(i/24)``.

    The curve is fitted to what LiteRT gives at every entry. Must equal ``sigmoid_table_uint16``
    (``kernels/internal/common.h``).
    """
    table: NDArray[np.int64] = np.floor(65535.5 / (1 + np.exp(-0.041668 * np.arange(256))) + 1).astype(np.int64)
    for entry, step in _OFF_THE_CURVE.items():
        table[entry] += step
    return table


_TABLE = _table()

LOGISTIC_POWERS = (2.0**-12,)
TANH_POWERS = (2.0**-12, 2.0**-11)
"""Input scales that need no multiplier; builtin kernels compute them as ``fixed_sigmoid`` does, without the table."""

_LARGEST_INT16 = 2**15 - 1
_MOST_BITS = 31


def logistic(x: NDArray[Any], scale: float) -> Codes:
    """``σ(s·q)`` in steps of 2⁻¹⁵.

    Must equal ``reference_integer_ops::Logistic`` (``kernels/internal/reference/integer_ops/logistic.h``).

    Args:
        x: int16 codes.
        scale: Theirs, under ``LARGEST_SCALE``.
    """
    steps = _table_steps(x, scale, is_power_of_two=scale in LOGISTIC_POWERS)
    result = _interpolated(np.abs(steps), bits=9, most=_LARGEST_INT16 << 10)
    rounded = np.where(steps >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1)
    return rounded >> 10


def tanh(x: NDArray[Any], scale: float) -> Codes:
    """``tanh(s·q) = 2σ(2s·q) − 1`` in steps of 2⁻¹⁵.

    Must equal ``reference_integer_ops::Tanh`` (``kernels/internal/reference/integer_ops/tanh.h``).

    Args:
        x: int16 codes.
        scale: Theirs, under ``LARGEST_SCALE``.
    """
    steps = _table_steps(x, scale, is_power_of_two=scale in TANH_POWERS)
    result = _interpolated(np.abs(steps), bits=8, most=65535 << 8)
    half = 1 << 7
    rounded = np.where(steps >= 0, result - (1 << 23) + half, -result + (1 << 23) + half - 1)
    return rounded >> 8


def _table_steps(x: NDArray[Any], scale: float, *, is_power_of_two: bool) -> Codes:
    """``q·s·3·4096``, rounded: 512 (LOGISTIC) or 256 (TANH) steps from one entry of the table to the next."""
    if is_power_of_two:
        return x.astype(np.int64) * 3 * round(scale * 4096)
    multiplier, shift = scale * 4096.0 * 3.0, 0
    while multiplier <= _LARGEST_INT16 / 2 and shift < _MOST_BITS:
        multiplier, shift = multiplier * 2, shift + 1
    half = 1 << (shift - 1) if shift else 0
    steps: Codes = (x.astype(np.int64) * int(multiplier) + half) >> shift
    return steps


def _interpolated(steps: Codes, *, bits: int, most: int) -> Codes:
    """The table between two entries, ``bits`` finer; ``most`` from its end on."""
    entry = np.minimum(steps >> bits, 254)
    low, high = _TABLE[entry], _TABLE[entry + 1]
    between = (low << bits) + (steps & ((1 << bits) - 1)) * (high - low)
    return np.where(steps >> bits >= 255, most, between)
