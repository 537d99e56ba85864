"""QUANTIZE: from float32, or from one grid of 8 or 16 bits to another.

From float32 must equal ``xnn_create_unary_elementwise_nc`` with ``xnn_unary_convert`` under XNNPACK
(``round_half_even(x·(1/s)) + z``) and ``reference_ops::AffineQuantize`` (``kernels/internal/reference/quantize.h``:
``round(x/s) + z``, ties away from zero). Between codes, ``xnn_qs8_vcvt_ukernel`` (``(v·m + 128) >> 8``) where both
types are the same, else ``reference_ops::Requantize`` (``kernels/internal/reference/requantize.h``), whose builtin form
has vectors for 8 bits alone.
"""

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import in_strips, in_vectors, refuse_factors, unary
from sr2tflite.interpret.site import UP_TO_16_BITS, Arithmetic, Codes, Site, affine, limits
from sr2tflite.numerics import elementwise
from sr2tflite.numerics.fixed_point import fixed_point, multiply
from sr2tflite.numerics.qparams import FloatRounding, quantize_float

_VECTOR = 16
"""Codes that the builtin kernel computes at a time."""

_FLOAT_VECTOR = 8
"""Floats that it does."""


_TARGETS = {
    "float32": UP_TO_16_BITS,
    "int8": UP_TO_16_BITS,
    "uint8": UP_TO_16_BITS,
    "int16": ("int8", "int16"),
}
"""What each type may become."""


def check(site: Site) -> None:
    (x,) = site.inputs
    site.one_scale_each(site.output)
    if x.dtype != "float32":
        site.one_scale_each(x)
        refuse_factors(site, affine(x)[0] / affine(site.output)[0])
    if site.output.dtype not in _TARGETS.get(x.dtype, ()):
        known = "; ".join(f"{source} to {' or '.join(targets)}" for source, targets in _TARGETS.items())
        raise UnsupportedError(
            f"goes from {x.dtype} to {site.output.dtype}; expected one of: {known}", where=site.where
        )


def is_delegated(site: Site) -> bool:
    (x,) = site.inputs
    if x.dtype == "float32":
        return True
    return x.dtype == site.output.dtype and elementwise.conversion_is_delegated(affine(x)[0], affine(site.output)[0])


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (x,) = site.inputs
    if x.dtype == "float32":
        return _from_float(site, arithmetic)
    scale, scale_out = affine(x)[0], affine(site.output)[0]
    if arithmetic == "xnnpack":
        return unary(site, lambda v: elementwise.convert(v, scale, scale_out), limits(site.output))
    factor = fixed_point(scale / scale_out)
    plain = unary(site, lambda v: multiply(v, factor), limits(site.output))
    if arithmetic == "reference" or "int16" in (x.dtype, site.output.dtype):
        return plain
    return in_vectors(unary(site, lambda v: multiply(v, factor, ties_up=True), limits(site.output)), plain, _VECTOR)


def _from_float(site: Site, arithmetic: Arithmetic) -> Run:
    (scale, zero), ends = affine(site.output), limits(site.output)

    def by(rounding: FloatRounding) -> Run:
        def apply(x: Codes, to: Codes) -> None:
            to[...] = quantize_float(x, scale, zero, ends, rounding)

        return lambda operands, workers: in_strips(
            apply, operands, np.empty(operands[0].shape, site.output.dtype), workers
        )

    if arithmetic == "builtin":
        return in_vectors(by("xnnpack"), by("builtin"), _FLOAT_VECTOR)
    return by(arithmetic)
