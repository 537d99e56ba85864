"""TANH: a table of 256 codes, made in floating point.

Must equal XNNPACK's ``xnn_unary_tanh`` table (ties to even) and, under all other kernels, ``LUTPopulate``
(``kernels/internal/common.h``) of ``std::tanh`` (ties away from zero).
"""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine, scales, unary
from sr2tflite.interpret.site import Arithmetic, Site, affine, limits
from sr2tflite.numerics import builtin, elementwise

check = check_affine


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (x,), (out, zero) = scales(site)[0], affine(site.output)
    if arithmetic == "xnnpack":
        return unary(site, lambda v: elementwise.tanh(v, x, out, zero), limits(site.output))
    return unary(site, lambda v: builtin.table(builtin.tanh, v, x, out), limits(site.output))
