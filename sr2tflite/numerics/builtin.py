"""Elementwise ops on *centered codes* ``v = q − z``, before saturation, as LiteRT's builtin kernels compute them.

Every product is a fixed-point multiplication. The optimized and the reference kernels agree on all of these but the
sums and the narrow numbers of ``…_in_vectors`` and ``narrowed``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.numerics.fixed_point import FixedPoint, doubling_high_product, fixed_point, multiply

Codes = NDArray[np.int64]

SUM_BITS = {"int8": 20, "uint8": 20, "int16": 15}
"""ADD and SUB shift inputs to the left by this much first; their ratios s_in / s_out stay under half of 2 to it:
``QuantizeMultiplierSmallerThanOneExp`` checks, and aborts."""


def float_ratio(scale: float, scale_out: float) -> float:
    """``s / s_out`` as most kernels take it: a float32 quotient."""
    return float(np.float32(scale) / np.float32(scale_out))


def rescale(v: NDArray[Any], factor: float) -> Codes:
    """``v·factor`` in fixed point; must equal ``MultiplyByQuantizedMultiplier``."""
    return multiply(v, fixed_point(factor))


def add(
    a: NDArray[Any],
    b: NDArray[Any],
    scales: tuple[float, float],
    scale_out: float,
    *,
    sign: int = 1,
    bits: int = SUM_BITS["int8"],
) -> Codes:
    """ADD, or SUB with sign −1.

    ``((v_a·2²⁰·(s_a/2s) ± v_b·2²⁰·(s_b/2s))·(2s/(2²⁰·s_out)))``, ``s = max(s_a, s_b)`` in float64; 2¹⁵ for int16. Must
    equal ``reference_integer_ops::AddElementwise`` (``kernels/internal/reference/integer_ops/add.h``),
    ``reference_ops::AddElementwise`` (``kernels/internal/reference/add.h``) and ``reference_ops::SubElementwise``
    (``kernels/internal/reference/sub.h``).

    Args:
        a: First codes.
        b: Second codes.
        scales: Theirs.
        scale_out: The output's.
        sign: 1, or −1 for the difference.
        bits: The type's ``SUM_BITS``.
    """
    twice = 2.0 * max(scales)
    left, right = (rescale(v.astype(np.int64) << bits, s / twice) for v, s in zip((a, b), scales, strict=True))
    return rescale(left + sign * right, twice / ((1 << bits) * scale_out))


def add_in_vectors(
    a: NDArray[Any],
    b: NDArray[Any],
    scales: tuple[float, float],
    scale_out: float,
    *,
    shifts_first: bool,
    bits: int = SUM_BITS["int8"],
) -> Codes:
    """ADD as vectors of NEON's instructions round it: once for each input, where ``add`` rounds twice.

    The smaller input's shift e ≤ 0 comes first, ``v_a·2^(20+e)·m``, or last, ``⌊(v_a·2²⁰·m)·2^e⌋``. Must equal
    ``AddElementwiseInt8`` or, with 2¹⁵, ``AddElementwiseInt16`` (``kernels/internal/optimized/integer_ops/add.h``), or
    that file's ``AddScalarBroadcast``, as which uint8 is added too (``kernels/internal/optimized/optimized_ops.h``).
    """
    twice = 2.0 * max(scales)
    left, right = (
        _scaled(v.astype(np.int64), fixed_point(s / twice), shifts_first, bits)
        for v, s in zip((a, b), scales, strict=True)
    )
    return rescale(left + right, twice / ((1 << bits) * scale_out))


def shifts_alone(scale_a: float, scale_b: float) -> bool:
    """Whether int16 ADD shifts its inputs without rounding them, so that ``add`` and ``add_in_vectors`` agree.

    Their ratio is a power of two, at most 2¹⁴: ``v·2¹⁵·(s/2s')`` is then whole. Elsewhere an output depends on whether
    it is among the last few of an image, which no vector takes.
    """
    fraction, exponent = np.frexp(max(scale_a, scale_b) / min(scale_a, scale_b))
    return bool(fraction == 0.5 and exponent <= SUM_BITS["int16"])


def _scaled(v: NDArray[np.int64], factor: FixedPoint, shifts_first: bool, bits: int) -> Codes:
    exponent = int(factor.shift)
    if not shifts_first:
        return doubling_high_product(v << bits, factor.multiplier) >> -exponent
    left = bits + exponent
    return doubling_high_product(v << left if left >= 0 else v >> -left, factor.multiplier)


def narrowed(v: NDArray[np.int64], zero: int, *, saturates: bool) -> Codes:
    """``v`` whose sum with z is made in 16 bits, where it wraps; v itself saturates there (``vqmovn_s32``) or wraps."""
    held = np.clip(v, -(2**15), 2**15 - 1) if saturates else _wrapped(v)
    return _wrapped(held + zero) - zero


def _wrapped(v: NDArray[np.int64]) -> Codes:
    return v.astype(np.int16).astype(np.int64)


def mul(a: NDArray[Any], b: NDArray[Any], scales: tuple[float, float], scale_out: float) -> Codes:
    """``v_a·v_b·m`` with ``m = s_a·s_b/s_out`` in float32.

    Must equal ``reference_integer_ops::MulElementwise`` (``kernels/internal/reference/integer_ops/mul.h``).
    """
    factor = np.float32(scales[0]) * np.float32(scales[1]) / np.float32(scale_out)
    return rescale(a.astype(np.int64) * b.astype(np.int64), float(factor))


def two_factors(scale: float, slope: float, scale_out: float) -> tuple[FixedPoint, FixedPoint]:
    """``s/s_out`` and ``(s·slope)/s_out``, each operation rounded to float32, as PRELU and LEAKY_RELU make them."""
    negative = np.float32(scale) * np.float32(slope) / np.float32(scale_out)
    return fixed_point(float_ratio(scale, scale_out)), fixed_point(float(negative))


def leaky_relu(x: NDArray[Any], alpha: float, scale: float, scale_out: float) -> Codes:
    """``v·(s/s_out)`` where v ≥ 0, else ``v·(s·|alpha|/s_out)`` with alpha's sign, by ``two_factors``.

    Must equal ``reference_ops::QuantizeLeakyRelu`` (``kernels/internal/reference/leaky_relu.h``).
    """
    positive, negative = two_factors(scale, abs(alpha), scale_out)
    below = multiply(x, negative)
    return np.where(x >= 0, multiply(x, positive), -below if alpha < 0 else below)


def leaky_relu_16(x: NDArray[Any], alpha: float, scale: float, scale_out: float) -> Codes:
    """As ``leaky_relu``, but that alpha's sign is the factor's: it decides where ties below zero go.

    Must equal ``optimized_integer_ops::QuantizeLeakyRelu`` (``kernels/internal/optimized/integer_ops/leaky_relu.h``).
    """
    positive, negative = two_factors(scale, alpha, scale_out)
    return np.where(x >= 0, multiply(x, positive), multiply(x, negative))


def table(
    function: Callable[[NDArray[np.float32]], NDArray[np.float32]], v: NDArray[Any], scale: float, scale_out: float
) -> Codes:
    """``round(f(s·v) · (1/s_out))`` in float32, ties away from zero.

    Must equal ``LUTPopulate`` (``kernels/internal/common.h``).
    """
    real = function(np.float32(scale) * v.astype(np.float32)) * (np.float32(1) / np.float32(scale_out))
    rounded: Codes = np.copysign(np.floor(np.abs(real.astype(np.float64)) + 0.5), real).astype(np.int64)
    return rounded


def tanh(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """``std::tanh`` of float32."""
    return np.tanh(x.astype(np.float64)).astype(np.float32)


def sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """``1/(1 + std::exp(−x))`` in float32."""
    one = np.float32(1)
    with np.errstate(over="ignore"):
        return one / (one + np.exp(-x.astype(np.float64)).astype(np.float32))
