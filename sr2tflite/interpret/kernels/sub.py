"""SUB, with broadcasting and a fused activation.

Must equal XNNPACK's ADD with the second multiplier negative (``xnn_create_binary_elementwise_nd``) and
``reference_ops::SubElementwise`` (``kernels/internal/reference/sub.h``) under all other kernels, int16 too.
"""

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._sum import check_sum as check
from sr2tflite.interpret.kernels._sum import is_delegated, prepare_sum
from sr2tflite.interpret.site import Arithmetic, Site

__all__ = ["check", "is_delegated", "prepare"]


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    return prepare_sum(site, arithmetic, -1)
