"""RESIZE_BILINEAR of codes, which share scale and zero point.

Under XNNPACK fractions have 11 bits; elsewhere 10 for int8, and they are float32 for uint8: ``numerics.bilinear`` names
the C++ that each must equal.
"""

from collections.abc import Callable, Sequence

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._move import check_shared as check
from sr2tflite.interpret.site import Arithmetic, Codes, Site
from sr2tflite.interpret.workers import Workers
from sr2tflite.numerics import bilinear
from sr2tflite.numerics.bilinear import Alignment, Array, Axis, Corners

__all__ = ["check", "is_delegated", "prepare"]

Places = Callable[[int, int, Alignment], Axis]
Blend = Callable[[Corners, Array, Array], Array]

_BYTES_A_VALUE = 64
"""What an output takes while it is computed."""


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def _way(arithmetic: Arithmetic, dtype: str) -> tuple[Places, Blend, str]:
    """Where outputs read, what they make of it, and in which type."""
    if arithmetic == "xnnpack":
        return bilinear.axis_xnnpack, bilinear.blend_xnnpack, "int32"
    if dtype == "int8":
        return bilinear.axis_integer, bilinear.blend_integer, "int64"
    blend = bilinear.blend_builtin if arithmetic == "builtin" else bilinear.blend_reference
    return bilinear.axis_float, blend, "float32"


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    op = site.op
    assert isinstance(op, ops.ResizeBilinear)
    places, blend, dtype = _way(arithmetic, site.output.dtype)
    alignment = Alignment(op.align_corners, op.half_pixel_centers)

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        codes = operands[0]
        rows, columns = (places(codes.shape[1 + i], op.size[i], alignment) for i in range(2))
        for axis, size in ((rows, codes.shape[1]), (columns, codes.shape[2])):
            if axis.low.max() >= size:
                raise UnsupportedError(
                    f"reads value {axis.low.max()} of {size} in a builtin kernel, which is not modeled",
                    where=site.where,
                )
        out = np.empty((codes.shape[0], *op.size, codes.shape[3]), codes.dtype)

        def strip(first: int, last: int) -> None:
            out[:, first:last] = _blended(codes, dtype, (rows.part(first, last), columns), blend)

        workers.strips(op.size[0], out[:, 0].size * _BYTES_A_VALUE, strip)
        return out

    return run


def _blended(codes: Codes, dtype: str, axes: tuple[Axis, Axis], blend: Blend) -> Array:
    rows, columns = axes
    top, bottom = (codes[:, row].astype(dtype) for row in (rows.low, rows.high))
    corners = Corners(
        top[:, :, columns.low], top[:, :, columns.high], bottom[:, :, columns.low], bottom[:, :, columns.high]
    )
    return blend(corners, rows.fraction[:, None, None], columns.fraction[:, None])
