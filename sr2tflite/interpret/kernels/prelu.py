"""PRELU: XNNPACK takes none in integers.

Must equal ``reference_ops::BroadcastPrelu4DSlow`` (``kernels/internal/reference/prelu.h``). int16 has int8 slopes.
"""

from sr2tflite.errors import UnsupportedError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import binary, check_affine, refuse_factors, scales
from sr2tflite.interpret.site import Arithmetic, Site
from sr2tflite.numerics import elementwise


def check(site: Site) -> None:
    if site.inputs[0].dtype == "int16":
        _check_16(site)
    else:
        check_affine(site)
    (x, slope), out = scales(site)
    refuse_factors(site, x / out, x * slope / out)


def _check_16(site: Site) -> None:
    x, slope = site.inputs
    site.dtype(("int16",), of=(x, site.output))
    if slope.dtype != "int8":
        raise UnsupportedError(
            f"slopes of int16 are {slope.dtype}; expected int8, which a runtime takes the bytes of any slopes for",
            where=slope.name,
        )
    site.one_scale_each(x, slope, site.output)


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return False


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (x, slope), out = scales(site)
    return binary(site, lambda v, w: elementwise.prelu(v, w, x, slope, out), arithmetic)
