"""TANH: a table of 256 codes, made in floating point; of int16 codes, an interpolated one.

Must equal XNNPACK's ``xnn_unary_tanh`` table (ties to even) and, under all other kernels, ``LUTPopulate``
(``kernels/internal/common.h``) of ``std::tanh`` (ties away from zero); int16 ``reference_integer_ops::Tanh``
(``kernels/internal/reference/integer_ops/tanh.h``) and, of scale 2⁻¹² or 2⁻¹¹, the builtin ``optimized_ops::Tanh``
(``kernels/internal/optimized/optimized_ops.h``).
"""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine_16, scales, unary
from sr2tflite.interpret.kernels._sigmoid import check_sigmoid
from sr2tflite.interpret.site import Arithmetic, Site, affine, limits
from sr2tflite.numerics import builtin, elementwise, fixed_sigmoid, sigmoid_table


def check(site: Site) -> None:
    check_affine_16(site)
    if site.output.dtype == "int16":
        check_sigmoid(site)


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    if site.output.dtype == "int16":
        return _prepare_16(site, arithmetic)
    (x,), (out, zero) = scales(site)[0], affine(site.output)
    if arithmetic == "xnnpack":
        return unary(site, lambda v: elementwise.tanh(v, x, out, zero), limits(site.output))
    return unary(site, lambda v: builtin.table(builtin.tanh, v, x, out), limits(site.output))


def _prepare_16(site: Site, arithmetic: Arithmetic) -> Run:
    scale = affine(site.inputs[0])[0]
    if arithmetic != "reference" and scale in sigmoid_table.TANH_POWERS:
        shift = sigmoid_table.TANH_POWERS.index(scale)
        return unary(site, lambda v: fixed_sigmoid.tanh(v, shift), limits(site.output))
    return unary(site, lambda v: sigmoid_table.tanh(v, scale), limits(site.output))
