"""FULLY_CONNECTED: as a CONV_2D of one pixel's kernel, whose pixels are the rows of x.

Must equal ``xnn_create_fully_connected_nc_qs8_qc8w`` (``_qu8`` for uint8) under XNNPACK and
``reference_integer_ops::FullyConnected`` and ``FullyConnectedPerChannel``
(``kernels/internal/reference/integer_ops/fully_connected.h``) under the reference kernels, which multiply by a float64.
The builtin kernel is ruy's.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.interpret.convolution import Convolution, Finish, Window
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._bias import with_bias
from sr2tflite.interpret.kernels._conv import centered_weight, check_conv, finisher
from sr2tflite.interpret.kernels._conv import has_normal_bias as is_delegated
from sr2tflite.interpret.kernels._elementwise import span
from sr2tflite.interpret.site import Arithmetic, Codes, Site, affine, quant
from sr2tflite.interpret.workers import Workers

__all__ = ["check", "is_delegated", "prepare"]

_PIXEL = Window(1, 1, 1, "VALID")
_LARGEST = 2**31 - 1


def check(site: Site) -> None:
    check_conv(_as_convolution(site), axis=0)


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    op, site = site.op, _as_convolution(site)
    assert isinstance(op, ops.FullyConnected)
    x, _, bias = site.inputs
    assert bias.data is not None
    convolution = Convolution(centered_weight(site), bias.data, _PIXEL, _PIXEL, span(x))
    finish = (
        _rounder(site, convolution.bound) if arithmetic == "reference" else finisher(site, arithmetic, len(bias.data))
    )
    zero, dtype = affine(x)[1], np.dtype(site.output.dtype)

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        rows = operands[0].reshape(1, -1, 1, convolution.inputs)
        out = np.empty((1, rows.shape[1], 1, convolution.outputs), dtype)
        convolution.run(rows, zero, out, finish, workers)
        lead = operands[0].shape[:-1] if op.keep_num_dims else (-1,)
        return out.reshape(*lead, convolution.outputs)

    return run


def _rounder(site: Site, bound: int) -> Finish:
    """``clip(round(sum·(s_x·s_w/s_out)) + z)`` in float64, ties away from zero."""
    x, weight, _ = site.inputs
    factors = affine(x)[0] * np.asarray(quant(weight).scale) / affine(site.output)[0]
    zero, ends = affine(site.output)[1], site.code_range("reference")
    if bound * factors.max() + abs(zero) >= _LARGEST:
        raise UnsupportedError(
            f"reaches {bound * factors.max():.3g} steps, which is not modeled beyond int32", where=site.where
        )

    def finish(sums: NDArray[Any], out: NDArray[Any]) -> None:
        steps = sums.astype(np.float64) * factors
        whole = np.trunc(steps)
        whole += np.where(np.abs(steps - whole) >= 0.5, np.sign(steps), 0)
        out[...] = np.clip(whole + zero, *ends)

    return finish


def _as_convolution(site: Site) -> Site:
    """The site with weights O·1·1·I and a bias."""
    x, weight, bias = with_bias(site).inputs
    assert weight.data is not None
    data = weight.data[:, None, None]
    return replace(site, inputs=(x, replace(weight, shape=data.shape, data=data), bias))
