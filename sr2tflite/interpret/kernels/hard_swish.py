"""HARD_SWISH in 16-bit fixed point: XNNPACK takes none in integers.

Must equal ``reference_ops::HardSwish`` (``kernels/internal/reference/hard_swish.h``).
"""

from sr2tflite.errors import UnsupportedError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine, scales, unary
from sr2tflite.interpret.site import Arithmetic, Site, limits
from sr2tflite.numerics.hard_swish import hard_swish, output_factor


def check(site: Site) -> None:
    check_affine(site)
    (x,), out = scales(site)
    if int(output_factor(x, out).shift) > 0:
        raise UnsupportedError(
            f"has an input/output scale ratio of {x / out:.3g}; expected under 128", where=site.where
        )


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return False


def prepare(site: Site, arithmetic: Arithmetic) -> Run:  # noqa: ARG001 - all families agree
    (x,), out = scales(site)
    return unary(site, lambda v: hard_swish(v, x, out), limits(site.output))
