"""PADV2: a code, the second input, around the others.

Must equal ``reference_ops::PadImpl`` (``kernels/internal/reference/pad.h``).
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
    assert isinstance(op, ops.PadV2)
    return moved(lambda x, value: np.pad(x, op.paddings, constant_values=value.item()))
