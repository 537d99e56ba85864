"""MUL, with broadcasting and a fused activation.

Must equal ``xnn_qs8_vmul_minmax_fp32_ukernel`` (``_qu8`` for uint8) under XNNPACK and
``reference_integer_ops::MulElementwise`` (``kernels/internal/reference/integer_ops/mul.h``) under all other kernels,
but that the builtin kernel's vectors hold 16 bits: ``optimized_integer_ops::MulElementwise``
(``kernels/internal/optimized/integer_ops/mul.h``) and, for uint8, ``optimized_ops::MulElementwise``.
"""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import binary, check_affine_16, refuse_factors, scales
from sr2tflite.interpret.kernels._inner_loop import Vectors, in_inner_loops
from sr2tflite.interpret.site import Arithmetic, Site, affine
from sr2tflite.numerics import builtin, elementwise


def check(site: Site) -> None:
    check_affine_16(site)
    (a, b), out = scales(site)
    refuse_factors(site, a * b / out)


_VECTOR = {"int8": 16, "uint8": 8}
"""Codes that the builtin kernel computes at a time."""


def is_delegated(site: Site) -> bool:
    (a, b), out = scales(site)
    low, high = elementwise.MUL_RATIOS
    return bool(low <= elementwise.mul_multiplier(a, b, out) < high)


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (a, b), out = scales(site)
    if arithmetic == "xnnpack":
        multiplier = elementwise.mul_multiplier(a, b, out)
        return binary(site, lambda x, y: elementwise.mul(x, y, multiplier), arithmetic)
    plain = binary(site, lambda x, y: builtin.mul(x, y, (a, b), out), arithmetic)
    if arithmetic == "reference" or site.output.dtype == "int16":
        return plain
    size = _VECTOR[site.output.dtype]
    scalar = Vectors(_vector(site, saturates=site.output.dtype == "int8"), size)
    return in_inner_loops(Vectors(_vector(site, saturates=True), size), scalar, plain)


def _vector(site: Site, *, saturates: bool) -> Run:
    """Products whose 32 bits are narrowed to 16; only uint8 products with a single value wrap there."""
    (a, b), out = scales(site)
    zero = affine(site.output)[1]
    return binary(
        site, lambda x, y: builtin.narrowed(builtin.mul(x, y, (a, b), out), zero, saturates=saturates), "builtin"
    )
