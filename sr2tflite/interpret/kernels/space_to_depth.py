"""SPACE_TO_DEPTH: the inverse of DEPTH_TO_SPACE.

Must equal ``reference_ops::SpaceToDepth`` (``kernels/internal/reference/space_to_depth.h``).
"""

from sr2tflite.graph import ops
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._move import check_shared as check
from sr2tflite.interpret.kernels._move import is_delegated, moved
from sr2tflite.interpret.site import Arithmetic, Codes, Site

__all__ = ["check", "is_delegated", "prepare"]


def prepare(site: Site, arithmetic: Arithmetic) -> Run:  # noqa: ARG001 - all families agree
    op = site.op
    assert isinstance(op, ops.SpaceToDepth)
    return moved(lambda x: _space_to_depth(x, op.block))


def _space_to_depth(x_NHWC: Codes, block: int) -> Codes:
    batch, height, width, channels = x_NHWC.shape
    blocks = x_NHWC.reshape(batch, height // block, block, width // block, block, channels)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // block, width // block, -1)
