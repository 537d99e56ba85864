"""RESIZE_NEAREST_NEIGHBOR by a whole factor.

Must equal ``reference_ops::ResizeNearestNeighbor`` (``kernels/internal/reference/resize_nearest_neighbor.h``): output
row y reads input row ``min(⌊y·(h/H)⌋, h − 1)``, the quotient and the product in float32.
"""

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import ops
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._move import check_shared_16 as check
from sr2tflite.interpret.kernels._move import is_delegated, moved
from sr2tflite.interpret.site import Arithmetic, Codes, Site

__all__ = ["check", "is_delegated", "prepare"]


def prepare(site: Site, arithmetic: Arithmetic) -> Run:  # noqa: ARG001 - all families agree
    op = site.op
    assert isinstance(op, ops.ResizeNearestNeighbor)
    return moved(lambda x: _resized(x, op.factor))


def _resized(x_NHWC: Codes, factor: int) -> Codes:
    rows, columns = (nearest(size, factor) for size in x_NHWC.shape[1:3])
    return x_NHWC[:, rows][:, :, columns]


def nearest(size: int, factor: int) -> NDArray[np.int64]:
    """Which input row each of ``factor · size`` output rows reads."""
    ratio = np.float32(size) / np.float32(size * factor)
    rows: NDArray[np.int64] = np.floor(np.arange(size * factor).astype(np.float32) * ratio).astype(np.int64)
    return np.minimum(rows, size - 1)
