"""Activations that stand on their own: rescaled, then clipped."""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine, check_affine_16, refuse_factors, scales, unary
from sr2tflite.interpret.site import Arithmetic, Site
from sr2tflite.numerics import builtin


def check(site: Site) -> None:
    """Refuse also a ratio of scales that no fixed-point number holds."""
    check_affine(site)
    _check_factor(site)


def check_16(site: Site) -> None:
    """As ``check``, for ops that have int16 kernels too."""
    check_affine_16(site)
    _check_factor(site)


def _check_factor(site: Site) -> None:
    (x,), out = scales(site)
    refuse_factors(site, x / out)


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    """Never."""
    return False


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    """``clip(v·(s_x/s_out) + z)``, the quotient in float32; the op's name is the activation's."""
    (x,), out = scales(site)
    ends = site.code_range(arithmetic, site.op.kind)
    return unary(site, lambda v: builtin.rescale(v, builtin.float_ratio(x, out)), ends)
