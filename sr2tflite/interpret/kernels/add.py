"""ADD, with broadcasting and a fused activation.

Must equal ``xnn_qs8_vadd_minmax_ukernel`` (``_qu8`` for uint8) under XNNPACK and
``reference_integer_ops::AddElementwise`` (``kernels/internal/reference/integer_ops/add.h``) under all other kernels;
int16 ``reference_ops::AddElementwise`` (``kernels/internal/reference/add.h``).
"""

from sr2tflite.errors import UnsupportedError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import refuse_wrapping, scales, span
from sr2tflite.interpret.kernels._sum import check_sum as check
from sr2tflite.interpret.kernels._sum import is_delegated, prepare_sum
from sr2tflite.interpret.site import Arithmetic, Site

__all__ = ["check", "is_delegated", "prepare"]


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    if arithmetic == "builtin" and site.output.dtype != "int16":
        _refuse_vectors(site)
    return prepare_sum(site, arithmetic, 1)


def _refuse_vectors(site: Site) -> None:
    """Refuse sums whose vectors round or wrap otherwise than the reference kernel."""
    if site.output.dtype == "uint8":
        raise UnsupportedError("is uint8 in a builtin kernel, which is not modeled; expected int8", where=site.where)
    (a, b), out = scales(site)
    refuse_wrapping(site, (span(site.inputs[0]) * a + span(site.inputs[1]) * b) / out)
