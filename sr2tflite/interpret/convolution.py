"""The sums of a convolution, exactly, as products of floating-point matrices.

Integers multiply and add without rounding while every partial sum stays under 2²⁴ in float32 or 2⁵³ in float64. A
layer's bound ``span·Σ|w| + |b|`` says which of the two is enough.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from sr2tflite.graph.ops import Padding
from sr2tflite.interpret.workers import Workers

EXACT_FLOAT32 = 2**24

Finish = Callable[[NDArray[Any], NDArray[Any]], None]
"""From sums (pixels × channels, which it may overwrite) into codes of the same shape."""


@dataclass(frozen=True)
class Window:
    """How a kernel walks over an image, in one direction."""

    size: int
    stride: int
    dilation: int
    padding: Padding

    def outputs(self, length: int) -> int:
        """How many positions there are."""
        if self.padding == "SAME":
            return -(-length // self.stride)
        return (length - self.span) // self.stride + 1

    def before(self, length: int) -> int:
        """How many zeros stand before the image; SAME puts the odd one behind."""
        if self.padding == "VALID":
            return 0
        return max((self.outputs(length) - 1) * self.stride + self.span - length, 0) // 2

    @property
    def span(self) -> int:
        """How far the kernel reaches."""
        return self.dilation * (self.size - 1) + 1


class Convolution:
    """A convolution with its weights laid out for matrix products.

    Args:
        weight_OHWI: Integer weights minus their zero point; grouped where I is a part of the input's channels.
        bias_O: Integer biases.
        rows: How the kernel walks down.
        columns: How it walks to the right.
        span: Largest magnitude of an input code minus its zero point.
    """

    def __init__(
        self, weight_OHWI: NDArray[Any], bias_O: NDArray[Any], rows: Window, columns: Window, span: int
    ) -> None:
        self.rows, self.columns = rows, columns
        self.bound = int(sum_bounds(weight_OHWI, bias_O, span).max())
        self.dtype = np.dtype(np.float32 if self.bound < EXACT_FLOAT32 else np.float64)
        self.outputs, _, _, self.inputs = weight_OHWI.shape
        self.weight_OHWI = weight_OHWI.astype(self.dtype)
        self.bias_O = bias_O.astype(self.dtype)

    def run(self, x_NHWC: NDArray[Any], zero: int, out_NHWC: NDArray[Any], finish: Finish, workers: Workers) -> None:
        """Convolve and finish, strip by strip.

        Args:
            x_NHWC: Codes.
            zero: Their zero point, which also pads.
            out_NHWC: Where the codes go.
            finish: Requantizes sums.
            workers: Threads.
        """
        groups = x_NHWC.shape[3] // self.inputs
        compute = self._by_taps if self.inputs == 1 and groups > 1 else self._by_products
        _, height, width, channels = out_NHWC.shape
        terms = self.rows.size * self.columns.size * x_NHWC.shape[3]
        row_bytes = width * self.dtype.itemsize * max(channels, channels if compute == self._by_taps else terms)
        for image, out in zip(x_NHWC, out_NHWC, strict=True):

            def strip(first: int, last: int, image: NDArray[Any] = image, out: NDArray[Any] = out) -> None:
                sums = compute(self._padded(image, zero, first, last, width), last - first, width)
                sums += self.bias_O
                finish(sums, out[first:last].reshape(-1, channels))

            workers.strips(height, row_bytes, strip)

    def _padded(self, x_HWC: NDArray[Any], zero: int, first: int, last: int, width: int) -> NDArray[Any]:
        """The input rows that output rows ``first…last`` read, centered, with zeros around the image."""
        height, length, channels = x_HWC.shape
        top = first * self.rows.stride - self.rows.before(height)
        left = self.columns.before(length)
        tall = (last - first - 1) * self.rows.stride + self.rows.span
        wide = (width - 1) * self.columns.stride + self.columns.span
        padded = np.zeros((tall, wide, channels), self.dtype)
        y0, y1 = max(top, 0), min(top + tall, height)
        x0, x1 = max(-left, 0), min(length, wide - left)
        if y1 > y0 and x1 > x0:
            inside = padded[y0 - top : y1 - top, left + x0 : left + x1]
            np.subtract(x_HWC[y0:y1, x0:x1], self.dtype.type(zero), out=inside, dtype=self.dtype)
        return padded

    def _windows(self, padded: NDArray[Any], height: int, width: int) -> NDArray[Any]:
        """A view: output row, output column, kernel row, kernel column, channel."""
        row, column, channel = padded.strides
        return as_strided(
            padded,
            (height, width, self.rows.size, self.columns.size, padded.shape[2]),
            (
                row * self.rows.stride,
                column * self.columns.stride,
                row * self.rows.dilation,
                column * self.columns.dilation,
                channel,
            ),
            writeable=False,
        )

    def _by_products(self, padded: NDArray[Any], height: int, width: int) -> NDArray[Any]:
        windows = self._windows(padded, height, width)
        groups = padded.shape[2] // self.inputs
        each = self.outputs // groups
        sums = np.empty((height * width, self.outputs), self.dtype)
        for group in range(groups):
            part = windows[..., group * self.inputs : (group + 1) * self.inputs]
            weight = self.weight_OHWI[group * each : (group + 1) * each].reshape(each, -1)
            sums[:, group * each : (group + 1) * each] = part.reshape(height * width, -1) @ weight.T
        return sums

    def _by_taps(self, padded: NDArray[Any], height: int, width: int) -> NDArray[Any]:
        """One input channel a group: an elementwise product for each place of the kernel."""
        windows = self._windows(padded, height, width)
        channels = padded.shape[2]
        weight = self.weight_OHWI.reshape(channels, -1, self.rows.size, self.columns.size)
        sums = np.zeros((height, width, channels, self.outputs // channels), self.dtype)
        for i in range(self.rows.size):
            for j in range(self.columns.size):
                sums += windows[:, :, i, j, :, None] * weight[:, :, i, j]
        return sums.reshape(height * width, self.outputs)


def sum_bounds(weight_OHWI: NDArray[Any], bias_O: NDArray[Any], span: int) -> NDArray[np.int64]:
    """``span·Σ|w[c]| + |b[c]|``: no partial sum of channel c is larger."""
    bounds: NDArray[np.int64] = np.abs(weight_OHWI.astype(np.int64)).sum((1, 2, 3)) * span
    return bounds + np.abs(bias_O.astype(np.int64))
