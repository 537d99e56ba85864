"""MUL, with broadcasting and a fused activation.

Must equal ``xnn_qs8_vmul_minmax_fp32_ukernel`` (``_qu8`` for uint8) under XNNPACK and
``reference_integer_ops::MulElementwise`` (``kernels/internal/reference/integer_ops/mul.h``) under all other kernels.
"""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import binary, check_affine_16, refuse_wrapping, scales, span
from sr2tflite.interpret.site import Arithmetic, Site
from sr2tflite.numerics import builtin, elementwise

check = check_affine_16


def is_delegated(site: Site) -> bool:
    (a, b), out = scales(site)
    low, high = elementwise.MUL_RATIOS
    return bool(low <= elementwise.mul_multiplier(a, b, out) < high)


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (a, b), out = scales(site)
    if arithmetic == "xnnpack":
        multiplier = elementwise.mul_multiplier(a, b, out)
        return binary(site, lambda x, y: elementwise.mul(x, y, multiplier), arithmetic)
    if arithmetic == "builtin" and site.output.dtype != "int16":
        refuse_wrapping(site, span(site.inputs[0]) * span(site.inputs[1]) * a * b / out)
    return binary(site, lambda x, y: builtin.mul(x, y, (a, b), out), arithmetic)
