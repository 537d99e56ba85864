"""DEPTH_TO_SPACE: output pixel (h·r+i, w·r+j), channel k is input channel (i·r+j)·C + k.

Must equal ``reference_ops::DepthToSpace`` (``kernels/internal/reference/depth_to_space.h``).
"""

from sr2tflite.graph import ops
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._move import check_shared as check
from sr2tflite.interpret.kernels._move import is_delegated, moved
from sr2tflite.interpret.site import Arithmetic, Codes, Site

__all__ = ["check", "is_delegated", "prepare"]


def prepare(site: Site, arithmetic: Arithmetic) -> Run:  # noqa: ARG001 - all families agree
    op = site.op
    assert isinstance(op, ops.DepthToSpace)
    return moved(lambda x: depth_to_space(x, op.block_size))


def depth_to_space(x_NHWC: Codes, block: int) -> Codes:
    """Order DCR."""
    batch, height, width, channels = x_NHWC.shape
    out = channels // block**2
    blocks = x_NHWC.reshape(batch, height, width, block, block * out).transpose(0, 1, 3, 2, 4)
    return blocks.reshape(batch, height * block, width * block, out)
