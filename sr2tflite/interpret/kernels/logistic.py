"""LOGISTIC: a table of 256 codes, made in floating point; of int16 codes, an interpolated one.

Must equal XNNPACK's ``xnn_unary_sigmoid`` table and, under all other kernels, ``LUTPopulate``
(``kernels/internal/common.h``) of ``1/(1 + std::exp(−x))``; int16 ``reference_integer_ops::Logistic``
(``kernels/internal/reference/integer_ops/logistic.h``) and, of scale 2⁻¹², the builtin ``optimized_ops::Logistic``
(``kernels/internal/optimized/optimized_ops.h``).
"""

from sr2tflite.errors import VerificationError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine_16, scales, unary
from sr2tflite.interpret.kernels._sigmoid import check_sigmoid
from sr2tflite.interpret.site import Arithmetic, Site, affine, limits
from sr2tflite.numerics import builtin, elementwise, fixed_sigmoid, sigmoid_table
from sr2tflite.numerics.qparams import LIMITS


def check(site: Site) -> None:
    check_affine_16(site)
    if site.output.dtype == "int16":
        check_sigmoid(site)
    elif affine(site.output) != (1 / 256, LIMITS[site.output.dtype][0]):
        raise VerificationError(
            f"LOGISTIC must write scale 1/256 and zero point {LIMITS[site.output.dtype][0]}", where=site.output.name
        )


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    if site.output.dtype == "int16":
        return _prepare_16(site, arithmetic)
    (x,), (out, zero) = scales(site)[0], affine(site.output)
    if arithmetic == "xnnpack":
        return unary(site, lambda v: elementwise.logistic(v, x, zero), limits(site.output))
    return unary(site, lambda v: builtin.table(builtin.sigmoid, v, x, out), limits(site.output))


def _prepare_16(site: Site, arithmetic: Arithmetic) -> Run:
    scale = affine(site.inputs[0])[0]
    if arithmetic != "reference" and scale in sigmoid_table.LOGISTIC_POWERS:
        return unary(site, fixed_sigmoid.logistic, limits(site.output))
    return unary(site, lambda v: sigmoid_table.logistic(v, scale), limits(site.output))
