"""PRELU: XNNPACK takes none in integers.

Must equal ``reference_ops::BroadcastPrelu4DSlow`` (``kernels/internal/reference/prelu.h``). int16 has int8 slopes.
"""

from sr2tflite.errors import UnsupportedError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import binary, check_affine, scales
from sr2tflite.interpret.site import Arithmetic, Site, affine, refuse_zero_point
from sr2tflite.numerics import elementwise


def check(site: Site) -> None:
    x, slope = site.inputs
    if x.dtype != "int16":
        check_affine(site)
        return
    if (slope.dtype, site.output.dtype) != ("int8", "int16"):
        raise UnsupportedError(
            f"has tensors int16, {slope.dtype}, {site.output.dtype}; expected int16, int8, int16: a runtime reads the "
            "bytes of any slopes as int8",
            where=site.where,
        )
    affine(slope)
    for tensor in (x, site.output):
        affine(tensor)
        refuse_zero_point(tensor)


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return False


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (x, slope), out = scales(site)
    return binary(site, lambda v, w: elementwise.prelu(v, w, x, slope, out), arithmetic)
