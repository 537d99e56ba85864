"""GATHER: codes taken along an axis, in any order and any number.

Must equal ``optimized_ops::Gather`` (``kernels/internal/optimized/optimized_ops.h``).
"""

import numpy as np

from sr2tflite.graph import ops
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._move import check_shared as check
from sr2tflite.interpret.kernels._move import is_delegated, moved
from sr2tflite.interpret.site import Arithmetic, Site

__all__ = ["check", "is_delegated", "prepare"]


def prepare(site: Site, arithmetic: Arithmetic) -> Run:  # noqa: ARG001 - all families agree
    op = site.op
    assert isinstance(op, ops.Gather)
    return moved(lambda x: np.ascontiguousarray(x.take(op.indices, op.axis)))
