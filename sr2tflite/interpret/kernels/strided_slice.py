"""STRIDED_SLICE: some of the codes.

Must equal ``reference_ops::StridedSlice`` (``kernels/internal/reference/strided_slice.h``), whose clamping of begin and
end is that of Python's slices.
"""

import numpy as np

from sr2tflite.graph import ops
from sr2tflite.graph.moves import slices
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._move import check_shared as check
from sr2tflite.interpret.kernels._move import is_delegated, moved
from sr2tflite.interpret.site import Arithmetic, Site

__all__ = ["check", "is_delegated", "prepare"]


def prepare(site: Site, arithmetic: Arithmetic) -> Run:  # noqa: ARG001 - all families agree
    op = site.op
    assert isinstance(op, ops.StridedSlice)
    return moved(lambda x: np.ascontiguousarray(x[slices(op)]))
