"""Elementwise ops on *centered codes* ``v = q − z``, before saturation, as LiteRT computes them.

Which kernel runs an op follows from its type and scales alone: XNNPACK takes ADD, SUB, MUL, LEAKY_RELU and LOGISTIC
within the limits that stand beside each; PRELU it never takes, and a builtin kernel runs.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.numerics import builtin
from sr2tflite.numerics.fixed_point import multiply
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.numerics.requantize import AddParams, add_params

Codes = NDArray[np.int64]

_NO_LESS = -100.0
"""exp(100) is finite, and 256 / exp(100) is zero."""

MUL_RATIOS = (2.0**-16, 2.0**8)
"""XNNPACK takes a MUL whose ``s_a · s_b / s_out`` lies from the first and under the second."""

LEAKY_RATIOS = (2.0**-8, 2.0**7)
"""XNNPACK takes a LEAKY_RELU whose ``s_in / s_out``, and that times \\|alpha\\|, lie from the first to the second."""

LARGEST_BUILTIN_RATIO = 2.0**8
"""No builtin kernel is asked for more, so that no product leaves int32."""

LOGISTIC_PARAMS = QuantParams((1 / 256,), (-128,))
"""What LOGISTIC writes; its kernels know no other."""


def subtract_params(scale_a: float, scale_b: float, scale_out: float) -> AddParams:
    """The constants of SUB: those of ADD with the second multiplier negative."""
    params = add_params(scale_a, scale_b, scale_out)
    return replace(params, multiplier_b=-params.multiplier_b)


def add(a: NDArray[Any], b: NDArray[Any], params: AddParams) -> Codes:
    """``(v_a·m_a + v_b·m_b + 2^(shift−1)) >> shift``: ADD, or SUB with its own constants.

    Must equal XNNPACK's ``xnn_qs8_vadd_minmax_ukernel``.
    """
    half = 1 << (params.shift - 1)
    total = a.astype(np.int64) * params.multiplier_a + b.astype(np.int64) * params.multiplier_b + half
    shifted: Codes = np.right_shift(total, params.shift)
    return shifted


def mul_multiplier(scale_a: float, scale_b: float, scale_out: float) -> np.float32:
    """``m = (s_a·s_b) / s_out``, each operation rounded to float32.

    Must equal ``xnn_init_qs8_mul_minmax_scalar_params``.
    """
    product = np.float32(scale_a) * np.float32(scale_b)
    return np.float32(product / np.float32(scale_out))


def mul(a: NDArray[Any], b: NDArray[Any], multiplier: np.float32) -> Codes:
    """``round_half_even(float32(v_a·v_b)·m)``; must equal XNNPACK's ``xnn_qs8_vmul_minmax_fp32_ukernel``."""
    product = a.astype(np.int64) * b.astype(np.int64)
    rounded: Codes = np.rint(product.astype(np.float32) * multiplier).astype(np.int64)
    return rounded


def prelu(x: NDArray[Any], slope: NDArray[Any], scale: float, slope_scale: float, scale_out: float) -> Codes:
    """``v·m₁`` where v ≥ 0, else ``(v·v_slope)·m₂``.

    ``m₁ = s/s_out`` and ``m₂ = (s·s_slope)/s_out``, each operation rounded to float32, then fixed-point.
    Must equal TFLite's ``reference_ops::BroadcastPrelu4DSlow`` (``kernels/internal/reference/prelu.h``).
    """
    positive, negative = builtin.two_factors(scale, slope_scale, scale_out)
    return np.where(x >= 0, multiply(x, positive), multiply(x.astype(np.int64) * slope.astype(np.int64), negative))


def leaky_relu_is_delegated(alpha: float, scale: float, scale_out: float) -> bool:
    """Whether XNNPACK takes this LEAKY_RELU; see ``LEAKY_RATIOS``.

    A negative slope's multiplier must also fit 16 bits: over −128 by 2⁻⁸ at least.
    """
    positive, negative = _leaky_multipliers(alpha, scale, scale_out)
    smallest, largest = LEAKY_RATIOS
    return bool(
        smallest <= positive <= largest and smallest <= abs(negative) and -largest + smallest < negative <= largest
    )


def leaky_relu(x: NDArray[Any], alpha: float, scale: float, scale_out: float) -> Codes:
    """``(v·m + 128) >> 8``, ``m = round_half_even(256·s/s_out)`` where v ≥ 0, else of ``256·s/s_out·alpha``.

    Must equal XNNPACK's ``xnn_qs8_vlrelu_ukernel`` where it is delegated; elsewhere the builtin kernel runs.
    """
    if not leaky_relu_is_delegated(alpha, scale, scale_out):
        return builtin.leaky_relu(x, alpha, scale, scale_out)
    multipliers = [int(np.rint(np.float32(256) * m)) for m in _leaky_multipliers(alpha, scale, scale_out)]
    return (x.astype(np.int64) * np.where(x >= 0, *multipliers) + 128) >> 8


def _leaky_multipliers(alpha: float, scale: float, scale_out: float) -> tuple[np.float32, np.float32]:
    positive = np.float32(scale) / np.float32(scale_out)
    return positive, positive * np.float32(alpha)


def logistic(x: NDArray[Any], scale: float, zero_point: int = -128) -> Codes:
    """``round_half_even(256·σ(s·v) + z) − z``, σ rounded to float32 and the sum too: z decides what is a tie.

    Must equal XNNPACK's table of 256 codes, ``xnn_create_unary_elementwise_nc`` with ``xnn_unary_sigmoid``.
    """
    real = (np.float32(scale) * x.astype(np.float32)).astype(np.float64)
    gate = (1 / (1 + np.exp(-np.maximum(real, _NO_LESS)))).astype(np.float32)
    codes: Codes = np.rint(gate * np.float32(256) + np.float32(zero_point)).astype(np.int64)
    return codes - zero_point


def tanh(x: NDArray[Any], scale: float, scale_out: float, zero_point: int) -> Codes:
    """``round_half_even(tanh(s·v)·(1/s_out) + z) − z`` in float32: z decides ties.

    Must equal XNNPACK's table of 256 codes, ``xnn_create_unary_elementwise_nc`` with ``xnn_unary_tanh``.
    """
    real = builtin.tanh(np.float32(scale) * x.astype(np.float32)) * (np.float32(1) / np.float32(scale_out))
    codes: Codes = np.rint(real + np.float32(zero_point)).astype(np.int64)
    return codes - zero_point


CONVERSION_RATIOS = (2.0**-8, 2.0**7)
"""XNNPACK takes a QUANTIZE within one type whose ``s_in / s_out`` lies from the first to the second."""


def conversion_is_delegated(scale: float, scale_out: float) -> bool:
    """Whether XNNPACK takes a QUANTIZE between these scales; see ``CONVERSION_RATIOS``."""
    smallest, largest = CONVERSION_RATIOS
    return bool(smallest <= np.float32(scale) / np.float32(scale_out) <= largest)


def convert(x: NDArray[Any], scale: float, scale_out: float) -> Codes:
    """``(v·m + 128) >> 8`` with ``m = round_half_even(256·s/s_out)``; must equal XNNPACK's ``xnn_qs8_vcvt_ukernel``."""
    multiplier = int(np.rint(np.float32(256) * (np.float32(scale) / np.float32(scale_out))))
    return (x.astype(np.int64) * multiplier + 128) >> 8
