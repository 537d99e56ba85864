"""RELU on its own: XNNPACK takes none in integers.

Must equal ``reference_ops::ReluX`` (``kernels/internal/reference/reference_ops.h``).
"""

from sr2tflite.interpret.kernels._clip import check_16 as check
from sr2tflite.interpret.kernels._clip import is_delegated, prepare

__all__ = ["check", "is_delegated", "prepare"]
