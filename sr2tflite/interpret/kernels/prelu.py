"""PRELU: XNNPACK takes none in integers.

Must equal ``reference_ops::BroadcastPrelu4DSlow`` (``kernels/internal/reference/prelu.h``).
"""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import binary, check_affine, refuse_factors, scales
from sr2tflite.interpret.site import Arithmetic, Site
from sr2tflite.numerics import elementwise


def check(site: Site) -> None:
    check_affine(site)
    (x, slope), out = scales(site)
    refuse_factors(site, x / out, x * slope / out)


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return False


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (x, slope), out = scales(site)
    return binary(site, lambda v, w: elementwise.prelu(v, w, x, slope, out), arithmetic)
