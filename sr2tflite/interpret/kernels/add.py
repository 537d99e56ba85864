"""ADD, with broadcasting and a fused activation.

Must equal ``xnn_qs8_vadd_minmax_ukernel`` (``_qu8`` for uint8) under XNNPACK and
``reference_integer_ops::AddElementwise`` (``kernels/internal/reference/integer_ops/add.h``) under all other kernels.
"""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine
from sr2tflite.interpret.kernels._sum import is_delegated, prepare_sum
from sr2tflite.interpret.site import Arithmetic, Site

check = check_affine

__all__ = ["check", "is_delegated", "prepare"]


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    return prepare_sum(site, arithmetic, 1)
