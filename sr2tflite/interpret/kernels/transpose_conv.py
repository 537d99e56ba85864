"""TRANSPOSE_CONV: every input pixel adds its multiple of the kernel to the output, ``stride`` pixels apart.

``sum[y·s + k − pad] += (q_x[y] − z_x)·(q_w[k] − z_w)``, then as CONV_2D. Must equal
``xnn_create_deconvolution2d_nhwc_qs8_qc8w`` (``_qu8`` for uint8) under XNNPACK and
``reference_integer_ops::TransposeConv`` (``kernels/internal/reference/integer_ops/transpose_conv.h``) under the
reference kernels. The builtin kernel is ``TransposeConvV2`` and ``optimized_ops::Quantize``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import ops
from sr2tflite.graph.shapes import usual_transposed_size
from sr2tflite.interpret.convolution import Convolution, Finish, Window
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._bias import with_bias
from sr2tflite.interpret.kernels._conv import centered_weight, check_conv, finisher, has_normal_bias
from sr2tflite.interpret.kernels._elementwise import span
from sr2tflite.interpret.site import Arithmetic, Codes, Site, affine
from sr2tflite.interpret.workers import Workers

_CHANNELS = 8
_VALUES = 16


@dataclass(frozen=True)
class Phase(Window):
    """Every ``step``-th output, which a convolution at stride 1 with every ``step``-th tap, flipped, gives."""

    count: int
    """How many outputs there are."""

    zeros_before: int

    def outputs(self, length: int) -> int:  # noqa: ARG002 - it does not follow from the input alone
        return self.count

    def before(self, length: int) -> int:  # noqa: ARG002
        return self.zeros_before


def phases(length: int, kernel: int, stride: int, pad: int) -> Iterator[tuple[int, slice, Phase]]:
    """For each first output: the taps that reach it and those ``stride`` apart from it, and how they walk.

    Output ``s·i + p`` reads input ``i + q − t`` with tap ``r + s·t``, where ``p + pad = s·q + r``.
    """
    for first in range(min(stride, length)):
        shift, remainder = divmod(first + pad, stride)
        taps = len(range(remainder, kernel, stride))
        phase = Phase(taps, 1, 1, "VALID", -(-(length - first) // stride), taps - 1 - shift)
        yield first, slice(remainder, None, stride), phase


def check(site: Site) -> None:
    check_conv(with_bias(site), axis=0)


def is_delegated(site: Site) -> bool:
    """Whether the kernel is as large as the stride, with SAME, and as small as the output, with VALID.

    As CONV_2D, it stays where a scale of the bias is not normal.
    """
    if not has_normal_bias(site):
        return False
    op = site.op
    assert isinstance(op, ops.TransposeConv)
    kernel = [size or 1 for size in site.inputs[1].shape[1:3]]
    if op.padding == "SAME":
        return all(size >= stride for size, stride in zip(kernel, op.stride, strict=True))
    return all(size <= length for size, length in zip(kernel, op.size or kernel, strict=True))


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    """The builtin kernel rounds as NEON does eight channels at a time in int8, sixteen values in a row in uint8."""
    site = with_bias(site)
    channels = site.output.channels
    if arithmetic != "builtin":
        return _convolved(site, finisher(site, arithmetic))
    if site.output.dtype == "int8":
        return _convolved(site, finisher(site, arithmetic, channels // _CHANNELS * _CHANNELS))
    vector, plain = (_convolved(site, finisher(site, arithmetic, count)) for count in (channels, 0))

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        codes = vector(operands, workers)
        whole = codes.size // _VALUES * _VALUES
        if whole < codes.size:
            codes.reshape(-1)[whole:] = plain(operands, workers).reshape(-1)[whole:]
        return codes

    return run


def _convolved(site: Site, finish: Finish) -> Run:
    op, (x, _, bias) = site.op, site.inputs
    assert isinstance(op, ops.TransposeConv)
    assert bias.data is not None
    weight_OHWI, bias_O = centered_weight(site), bias.data
    zero, dtype = affine(x)[1], np.dtype(site.output.dtype)

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        batch, height, width, _ = operands[0].shape
        sizes = op.size or tuple(
            usual_transposed_size(size, kernel, stride, op.padding)
            for size, kernel, stride in zip((height, width), weight_OHWI.shape[1:3], op.stride, strict=True)
        )
        out = np.empty((batch, *sizes, len(bias_O)), dtype)
        for (top, down, rows), (left, right, columns) in product(*_axes(op, sizes, weight_OHWI.shape[1:3])):
            part = np.empty((batch, rows.count, columns.count, len(bias_O)), dtype)
            taps = weight_OHWI[:, down, right][:, ::-1, ::-1]
            if taps.size:
                convolution = Convolution(taps, bias_O, rows, columns, span(x))
                convolution.run(operands[0], zero, part, finish, workers)
            else:
                _bias_only(bias_O, part, finish)
            out[:, top :: op.stride[0], left :: op.stride[1]] = part
        return out

    return run


def _axes(
    op: ops.TransposeConv, sizes: tuple[int, ...], kernel: tuple[int, ...]
) -> list[list[tuple[int, slice, Phase]]]:
    windows = [Window(taps, stride, 1, op.padding) for taps, stride in zip(kernel, op.stride, strict=True)]
    return [
        list(phases(size, window.size, window.stride, window.before(size)))
        for size, window in zip(sizes, windows, strict=True)
    ]


def _bias_only(bias_O: NDArray[Any], out: Codes, finish: Finish) -> None:
    """Where no tap reaches."""
    sums = np.broadcast_to(bias_O.astype(np.float64), (out.size // len(bias_O), len(bias_O)))
    finish(sums.copy(), out.reshape(-1, len(bias_O)))
