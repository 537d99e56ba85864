"""Quantized TRANSPOSE_CONV and FULLY_CONNECTED with drawn shapes, scales and attributes."""

import numpy as np
from hypothesis import strategies as st
from kit.integer_ops import ACTIVATIONS, Case, Size, codes, constant, exponent, graph_of, params, shape, with_ties

from sr2tflite.graph import Tensor, ops
from sr2tflite.graph.shapes import conv_size, usual_transposed_size
from sr2tflite.numerics.qparams import QuantParams, bias_params


@st.composite
def weights(draw: st.DrawFn, weight_shape: tuple[int, ...], x: QuantParams, dtype: str) -> tuple[Tensor, list[Tensor]]:
    """Weights, output channels first, with scales far apart, and a bias or none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    outputs = weight_shape[0]
    peaks = 2.0 ** rng.uniform(-10, 2, outputs)
    if draw(st.booleans()):
        peaks = 2.0 ** np.rint(np.log2(peaks))
    scales = tuple(float(np.float32(peak)) for peak in peaks)
    if dtype == "uint8" or draw(st.booleans()):
        quant = QuantParams(scales[:1], (draw(st.integers(0, 255)) if dtype == "uint8" else 0,))
    else:
        quant = QuantParams(scales, (0,) * outputs, 0)
    low, high = (0, 255) if dtype == "uint8" else (-127, 127)
    weight = constant("w", rng.integers(low, high + 1, weight_shape).astype(dtype), quant)
    reach = _reach(weight_shape)
    bias = rng.integers(-reach, reach + 1, outputs).astype(np.int32)
    return weight, [constant("b", bias, bias_params(x.scale[0], quant))] if draw(st.booleans()) else []


def _reach(weight_shape: tuple[int, ...]) -> float:
    return 127 * 127 * np.sqrt(np.prod(weight_shape[1:])) / 3


@st.composite
def output_params(draw: st.DrawFn, x: QuantParams, weight: Tensor, dtype: str) -> QuantParams:
    """From far too narrow to far too wide for what the sums reach; at times beyond what any delegate takes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    wide = draw(st.integers(0, 7)) == 0
    steps = draw(exponent(-40, 30) if wide else exponent(-3, 9)) - np.floor(np.log2(_reach(weight.shape)))
    scale = x.scale[0] * max(weight.quant.scale) * 2.0**-steps
    return QuantParams((with_ties(float(np.float32(scale)), rng),), draw(params(dtype)).zero_point)


@st.composite
def transpose_conv(draw: st.DrawFn, size: Size, dtype: str) -> Case:
    """Kernels smaller and larger than the stride; sizes that are not the usual ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    x_shape = draw(shape(Size(size.height // 2 + 1, size.width // 2 + 1, size.channels, max(size.least // 2, 1))))
    x = Tensor("x", x_shape, dtype, draw(params(dtype)))
    sizes = []
    for length, taps, step in zip(x_shape[1:3], kernel, stride, strict=True):
        usual = usual_transposed_size(length, taps, step, padding)
        fitting = [
            new for new in range(max(usual - step, 1), usual + step) if conv_size(new, taps, step, 1, padding) == length
        ]
        sizes.append((usual, draw(st.sampled_from(fitting))))
    chosen = None if draw(st.booleans()) else tuple(other for _, other in sizes)
    if chosen == tuple(usual for usual, _ in sizes):
        chosen = None
    weight, bias = draw(weights((draw(st.integers(1, 20)), *kernel, x_shape[3]), x.quant, dtype))
    op = ops.TransposeConv(stride, padding, draw(st.sampled_from(ACTIVATIONS)), chosen)
    graph = graph_of(op, x, [weight, *bias], draw(output_params(x.quant, weight, dtype)), dtype)
    return Case(graph, codes(rng, x_shape, dtype))


@st.composite
def fully_connected(draw: st.DrawFn, size: Size, dtype: str) -> Case:
    """One row or many; with the axes kept or not."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    keep = draw(st.booleans())
    inputs = draw(st.integers(1, 40))
    lead = draw(st.sampled_from([(), (1,), (3,), (2, 3), (1, 2, 5)] if size.least == 1 else [(3000,), (40, 90)]))
    x_shape = (*lead, inputs)
    if not keep and lead and lead[-1] < 16 and draw(st.booleans()):  # rows of several of x's
        inputs *= lead[-1]
    x = Tensor("x", x_shape, dtype, draw(params(dtype)))
    weight, bias = draw(weights((draw(st.integers(1, 40)), inputs), x.quant, dtype))
    op = ops.FullyConnected(draw(st.sampled_from(ACTIVATIONS)), keep)
    graph = graph_of(op, x, [weight, *bias], draw(output_params(x.quant, weight, dtype)), dtype)
    return Case(graph, codes(rng, x_shape, dtype))
