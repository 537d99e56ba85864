"""MEAN over any axes, onto another grid.

Each family has an arithmetic of its own, of which ``numerics.mean`` names the C++; the builtin kernels have two, one
for the mean over height and width of an image that keeps its axes.
"""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine
from sr2tflite.interpret.site import Arithmetic, Codes, Site, affine, limits
from sr2tflite.interpret.workers import Workers
from sr2tflite.numerics import mean

_VECTOR = 16
"""Channels that the builtin kernel of images computes at a time."""

_LARGEST = 2**31 - 1
_LARGEST_CODE = 255
_LARGEST_RATIO = 2.0**22
"""Beyond, ``z_x·s_x/s_out`` leaves int32."""

Finish = Callable[[NDArray[np.int64], int], NDArray[np.int64]]
"""From sums and the number of codes in each to codes, not yet clipped."""


def check(site: Site) -> None:
    check_affine(site)
    assert isinstance(site.op, ops.Mean)
    if not site.op.axes:
        raise UnsupportedError("is a mean over no axis; expected one at least", where=site.where)


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    op, (x,) = site.op, site.inputs
    assert isinstance(op, ops.Mean)
    if arithmetic != "xnnpack" and (ratio := affine(x)[0] / affine(site.output)[0]) >= _LARGEST_RATIO:
        raise UnsupportedError(
            f"has an input/output scale ratio of {ratio:.3g}, which is not modeled from {_LARGEST_RATIO:.0f} on",
            where=site.where,
        )
    finish, ends, dtype = _finish(site, op, arithmetic), limits(site.output), site.output.dtype

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:  # noqa: ARG001 - sums are NumPy's
        codes = operands[0]
        count = prod(codes.shape[axis] for axis in op.axes)
        if count * _LARGEST_CODE > _LARGEST:
            raise UnsupportedError(f"sums up {count} codes, which is not modeled beyond int32", where=site.where)
        sums = codes.sum(op.axes, np.int64, keepdims=op.keep_dims)
        return np.asarray(np.clip(finish(sums, count), *ends).astype(dtype))

    return run


def _finish(site: Site, op: ops.Mean, arithmetic: Arithmetic) -> Finish:
    grids = affine(site.inputs[0]), affine(site.output)
    if arithmetic == "xnnpack":
        return lambda sums, count: mean.by_float(sums, count, *grids, limits(site.output))
    if arithmetic == "builtin" and op.keep_dims and op.axes == (1, 2) and len(site.inputs[0].shape) == 4:
        return lambda sums, count: _over_images(sums, count, grids)
    return lambda sums, count: mean.by_fixed_point(sums, count, *grids)


def _over_images(
    sums: NDArray[np.int64], count: int, grids: tuple[tuple[float, int], tuple[float, int]]
) -> NDArray[np.int64]:
    whole = sums.shape[3] // _VECTOR * _VECTOR
    parts = ((sums[..., :whole], True), (sums[..., whole:], False))
    return np.concatenate([mean.over_images(part, count, *grids, ties_up=up) for part, up in parts], 3)
