"""Graphs of one op with int16 activations or int4 weights, of drawn shapes, scales and attributes, and their codes."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from kit.integer_ops import ACTIVATIONS, SMALL, Case, Size, codes, constant, exponent, graph_of, scale, shape

from sr2tflite.graph import Op, Tensor, ops
from sr2tflite.numerics.qparams import LIMITS, QuantParams, bias_params

SEEDS = st.integers(0, 2**32)


@dataclass(frozen=True)
class Types:
    """Of a convolution's tensors."""

    activation: str
    weight: str
    bias: str


def grid(scale: float, zero: int = 0) -> QuantParams:
    """One scale, rounded to float32, which holds it."""
    return QuantParams((float(np.float32(min(scale, 2.0**127))),), (zero,))


@st.composite
def grids(draw: st.DrawFn, dtype: str = "int16") -> QuantParams:
    """Any scale; a zero point only where the type has one."""
    low, high = LIMITS[dtype]
    zero = 0 if dtype == "int16" else draw(st.one_of(st.sampled_from([low, high, 0]), st.integers(low, high)))
    return QuantParams((draw(scale()),), (zero,))


def with_ties(scale_out: float, rng: np.random.Generator) -> float:
    """The scale, or one near it in which the 1 or 6 of an activation is a whole and a half; 6 is within int32 steps."""
    scale_out = max(scale_out, 2.0**-28)
    end = rng.choice([1.0, 6.0])
    steps = np.floor(end / scale_out)
    return float(np.float32(end / (steps + 0.5))) if rng.random() < 0.3 and steps < 2**15 else scale_out


@st.composite
def convolution(draw: st.DrawFn, types: Types, size: Size = SMALL, *, depthwise: bool = False) -> Case:
    """CONV_2D, grouped or not, or DEPTHWISE_CONV_2D."""
    rng = np.random.default_rng(draw(SEEDS))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    groups = 1 if depthwise else draw(st.integers(1, 3))
    each = draw(st.integers(1, max(size.channels // groups, 1)))
    settings = draw(windows(square=depthwise))
    x_shape = list(draw(shape(size, channels=groups * each)))
    if settings["padding"] == "VALID":
        for i in range(2):
            x_shape[1 + i] += settings["dilation"][i] * (kernel[i] - 1)
    op: Op
    if depthwise:
        multiplier = draw(st.integers(1, 3))
        op, outputs = ops.DepthwiseConv2D(**settings, multiplier=multiplier), groups * each * multiplier
        weight_shape: tuple[int, ...] = (1, *kernel, outputs)
    else:
        op, outputs = ops.Conv2D(**settings), groups * draw(st.integers(1, size.channels))
        weight_shape = (outputs, *kernel, each)
    axis = 3 if depthwise else 0
    return _filled(draw, rng, op, types, (tuple(x_shape), weight_shape, axis))


@st.composite
def windows(draw: st.DrawFn, *, square: bool) -> dict[str, object]:
    """Stride, dilation, padding and fused activation."""
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (3, 2)]))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) if dilation == (1, 1) else (1, 1)
    return {
        "stride": (stride[0],) * 2 if square else stride,
        "dilation": dilation,
        "padding": draw(st.sampled_from(["SAME", "VALID"])),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
    }


def _filled(draw, rng, op, types, shapes) -> Case:  # type: ignore[no-untyped-def]
    x_shape, weight_shape, axis = shapes
    x = Tensor("x", x_shape, types.activation, draw(grids(types.activation)))  # type: ignore[arg-type]
    outputs = weight_shape[axis]
    peaks = 2.0 ** rng.uniform(-10, 2, outputs)
    if draw(st.booleans()):
        peaks = 2.0 ** np.rint(np.log2(peaks))
    per_channel = draw(st.booleans())
    count = outputs if per_channel else 1
    weight_quant = QuantParams(
        tuple(float(np.float32(p)) for p in peaks[:count]), (0,) * count, axis if per_channel else None
    )
    low, high = (-8, 7) if types.weight == "int4" else (-127, 127)
    weight = rng.integers(low, high + 1, weight_shape).astype(np.int8)
    bias_quant = bias_params(x.quant.scale[0], weight_quant)  # type: ignore[union-attr]
    terms = weight.size / outputs
    reach = LIMITS[types.activation][1] * high * np.sqrt(terms) / 3
    far = draw(st.sampled_from([1, 2**14])) if types.bias == "int64" else 1
    bias = rng.integers(-reach * far, reach * far + 1, outputs).astype(types.bias)
    # an output range from far too narrow to far too wide for what the sums reach
    steps = draw(exponent(-3, 17 if types.activation == "int16" else 9)) - np.floor(np.log2(reach))
    out = grid(with_ties(max(bias_quant.scale) * 2.0**-steps, rng), draw(grids(types.activation)).zero_point[0])
    weights = Tensor("w", weight.shape, types.weight, weight_quant, weight)  # type: ignore[arg-type]
    graph = graph_of(op, x, [weights, constant("b", bias, bias_quant)], out, types.activation)
    return Case(graph, codes(rng, x_shape, types.activation))


@st.composite
def elementwise(draw: st.DrawFn, kind: type[Op], size: Size = SMALL) -> Case:
    """ADD, SUB, MUL of int16 with a constant of the image's shape, or one that broadcasts; on either side."""
    rng = np.random.default_rng(draw(SEEDS))
    x_shape = draw(shape(size))
    other = draw(st.sampled_from([x_shape, x_shape, (1, 1, 1, x_shape[3]), x_shape[3:], (1,), (x_shape[2], 1)]))
    a, b = draw(grids()), draw(grids())
    if kind is not ops.Mul:
        b = grid(a.scale[0] * 2.0 ** draw(exponent(-18, 18)))
    real = a.scale[0] * b.scale[0] * 2**30 if kind is ops.Mul else max(a.scale[0], b.scale[0]) * 2**15
    out = grid(with_ties(real / 2.0 ** draw(exponent(-3, 20)), rng))
    constants = [constant("c", codes(rng, other, "int16"), b)]
    op = kind(draw(st.sampled_from(ACTIVATIONS)))  # type: ignore[call-arg]
    graph = graph_of(op, Tensor("x", x_shape, "int16", a), constants, out, "int16")
    if draw(st.booleans()):
        node = graph.nodes[0]
        graph.nodes[0] = type(node)(op, node.inputs[::-1], node.outputs)
    return Case(graph, codes(rng, x_shape, "int16"))


@st.composite
def unary(draw: st.DrawFn, op: Op, size: Size = SMALL) -> Case:
    """RELU and its like, LEAKY_RELU, PRELU, LOGISTIC, TANH of int16."""
    rng = np.random.default_rng(draw(SEEDS))
    x_shape, source = draw(shape(size)), draw(grids())
    out = grid(with_ties(source.scale[0] / 2.0 ** draw(exponent(-17, 16)), rng))
    if isinstance(op, ops.LeakyRelu):
        op = ops.LeakyRelu(float(str(np.float32(draw(st.floats(-1.5, 1.5))))))
    constants = []
    if isinstance(op, ops.PRelu):
        constants = [constant("c", codes(rng, (1, 1, x_shape[3])), draw(grids("int8")))]
    if isinstance(op, ops.Logistic | ops.Tanh):
        source, out = QuantParams((draw(scale(st.floats(-26, 2))),), (0,)), grid(2.0**-15)
    graph = graph_of(op, Tensor("x", x_shape, "int16", source), constants, out, "int16")
    return Case(graph, codes(rng, x_shape, "int16"))


@st.composite
def moving(draw: st.DrawFn, kind: type[Op], size: Size = SMALL) -> Case:
    """Ops that move or compare int16 codes, and keep their scale."""
    rng = np.random.default_rng(draw(SEEDS))
    quant, x_shape = draw(grids()), draw(shape(size))
    constants, op = [], kind()
    if kind in (ops.Minimum, ops.Maximum):
        constants = [constant("c", codes(rng, draw(st.sampled_from([x_shape, x_shape[3:], (1,)])), "int16"), quant)]
    if kind is ops.Concatenation:
        op = ops.Concatenation(draw(st.integers(1, 3)))
    if kind is ops.ResizeNearestNeighbor:
        op = ops.ResizeNearestNeighbor(draw(st.integers(1, 3)))
    x = Tensor("x", x_shape, "int16", quant)
    return Case(
        graph_of(op, x, constants, quant, "int16", twice=kind is ops.Concatenation), codes(rng, x_shape, "int16")
    )


@st.composite
def conversion(draw: st.DrawFn, source: str, target: str, size: Size = SMALL) -> Case:
    """QUANTIZE from one type to another, float32 too, or DEQUANTIZE."""
    rng = np.random.default_rng(draw(SEEDS))
    x_shape = draw(shape(size))
    if source == "float32":
        quant = draw(grids(target))
        graph = graph_of(ops.Quantize(), Tensor("x", x_shape), [], quant, target)
        steps = rng.uniform(-40000, 40000, x_shape) * rng.choice([0.01, 1])
        steps = np.where(rng.random(x_shape) < 0.3, np.floor(steps) + 0.5, steps)  # ties
        return Case(graph, (steps * quant.scale[0]).astype(np.float32))
    quant = draw(grids(source))
    x = Tensor("x", x_shape, source, quant)  # type: ignore[arg-type]
    if target == "float32":
        return Case(graph_of(ops.Dequantize(), x, [], None, target), codes(rng, x_shape, source))
    ratio = 2.0 ** draw(exponent(-18, 16))
    out = grid(quant.scale[0] / ratio, draw(grids(target)).zero_point[0])
    return Case(graph_of(ops.Quantize(), x, [], out, target), codes(rng, x_shape, source))
