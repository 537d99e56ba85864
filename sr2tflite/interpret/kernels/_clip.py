"""Activations that stand on their own: rescaled, then clipped."""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine, check_affine_16, scales, unary
from sr2tflite.interpret.site import Arithmetic, Site
from sr2tflite.numerics import builtin

check, check_16 = check_affine, check_affine_16


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    """Never."""
    return False


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    """``clip(v·(s_x/s_out) + z)``, the quotient in float32; the op's name is the activation's."""
    (x,), out = scales(site)
    ends = site.code_range(arithmetic, site.op.kind)
    return unary(site, lambda v: builtin.rescale(v, builtin.float_ratio(x, out)), ends)
