"""TANH: a table of 256 codes, made in floating point; of int16 codes, an interpolated one.

Must equal XNNPACK's ``xnn_unary_tanh`` table (ties to even) and, under all other kernels, ``LUTPopulate``
(``kernels/internal/common.h``) of ``std::tanh`` (ties away from zero); int16 ``reference_integer_ops::Tanh``
(``kernels/internal/reference/integer_ops/tanh.h``).
"""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine_16, scales, unary
from sr2tflite.interpret.kernels._sigmoid import check_sigmoid, prepare_sigmoid
from sr2tflite.interpret.site import Arithmetic, Site, affine, limits
from sr2tflite.numerics import builtin, elementwise, sigmoid_table


def check(site: Site) -> None:
    check_affine_16(site)
    if site.output.dtype == "int16":
        check_sigmoid(site)


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    if site.output.dtype == "int16":
        return prepare_sigmoid(site, arithmetic, sigmoid_table.tanh)
    (x,), (out, zero) = scales(site)[0], affine(site.output)
    if arithmetic == "xnnpack":
        return unary(site, lambda v: elementwise.tanh(v, x, out, zero), limits(site.output))
    return unary(site, lambda v: builtin.table(builtin.tanh, v, x, out), limits(site.output))
