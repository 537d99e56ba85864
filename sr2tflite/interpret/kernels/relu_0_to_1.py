"""RELU_0_TO_1 on its own: XNNPACK takes none in integers.

Must equal ``reference_ops::ReluX`` (``kernels/internal/reference/reference_ops.h``).
"""

from sr2tflite.interpret.kernels._clip import check, is_delegated, prepare

__all__ = ["check", "is_delegated", "prepare"]
