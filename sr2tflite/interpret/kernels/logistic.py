"""LOGISTIC: a table of 256 codes, made in floating point.

Must equal XNNPACK's ``xnn_unary_sigmoid`` table and, under all other kernels, ``LUTPopulate``
(``kernels/internal/common.h``) of ``1/(1 + std::exp(−x))``.
"""

from sr2tflite.errors import VerificationError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine, scales, unary
from sr2tflite.interpret.site import Arithmetic, Site, affine, limits
from sr2tflite.numerics import builtin, elementwise
from sr2tflite.numerics.qparams import LIMITS


def check(site: Site) -> None:
    check_affine(site)
    if affine(site.output) != (1 / 256, LIMITS[site.output.dtype][0]):
        raise VerificationError(
            f"LOGISTIC must write scale 1/256 and zero point {LIMITS[site.output.dtype][0]}", where=site.output.name
        )


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (x,), (out, zero) = scales(site)[0], affine(site.output)
    if arithmetic == "xnnpack":
        return unary(site, lambda v: elementwise.logistic(v, x, zero), limits(site.output))
    return unary(site, lambda v: builtin.table(builtin.sigmoid, v, x, out), limits(site.output))
