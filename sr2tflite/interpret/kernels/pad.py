"""PAD: codes of zero, the zero point, around the others.

Must equal ``reference_ops::PadImpl`` (``kernels/internal/reference/pad.h``) with the output's zero point, and
``xnn_define_static_constant_pad``.
"""

import numpy as np

from sr2tflite.graph import ops
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._move import check_shared as check
from sr2tflite.interpret.kernels._move import is_delegated, moved
from sr2tflite.interpret.site import Arithmetic, Site, affine

__all__ = ["check", "is_delegated", "prepare"]


def prepare(site: Site, arithmetic: Arithmetic) -> Run:  # noqa: ARG001 - all families agree
    op = site.op
    assert isinstance(op, ops.Pad)
    zero = affine(site.output)[1]
    return moved(lambda x: np.pad(x, op.paddings, constant_values=zero))
