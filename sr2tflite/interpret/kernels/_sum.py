"""What ADD and SUB share."""

from sr2tflite.errors import UnsupportedError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import binary, check_affine_16, scales
from sr2tflite.interpret.site import Arithmetic, Site
from sr2tflite.numerics import builtin, elementwise
from sr2tflite.numerics.requantize import add_params, add_ratio_is_delegated


def check_sum(site: Site) -> None:
    """Refuse also ratios of scales at which the builtin kernels end the process."""
    check_affine_16(site)
    (a, b), out = scales(site)
    bits = builtin.SUM_BITS[site.output.dtype] - 1
    if not max(a, b) / out < 2.0**bits:
        raise UnsupportedError(
            f"has input/output scale ratios {a / out:.3g} and {b / out:.3g}; expected under 2^{bits}", where=site.where
        )


def is_delegated(site: Site) -> bool:
    """Whether both ratios of scales lie from 2⁻¹⁰ and under 2⁸."""
    (a, b), out = scales(site)
    return add_ratio_is_delegated(a, b, out)


def prepare_sum(site: Site, arithmetic: Arithmetic, sign: int) -> Run:
    """Sum, or difference with sign −1."""
    (a, b), out = scales(site)
    if arithmetic == "xnnpack":
        params = add_params(a, b, out) if sign == 1 else elementwise.subtract_params(a, b, out)
        return binary(site, lambda x, y: elementwise.add(x, y, params), arithmetic)
    bits = builtin.SUM_BITS[site.output.dtype]
    return binary(site, lambda x, y: builtin.add(x, y, (a, b), out, sign=sign, bits=bits), arithmetic)
