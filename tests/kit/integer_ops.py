"""Quantized graphs of one op with drawn shapes, scales, zero points and attributes, and codes to run through them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from sr2tflite.graph import Graph, Op, Tensor, ops
from sr2tflite.graph.shapes import output_shape
from sr2tflite.numerics.qparams import LIMITS, QuantParams, bias_params

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
EXPONENTS = st.one_of(st.floats(-14, 6), st.floats(-14, 6), st.floats(-14, 6), st.floats(-124, 60))
"""Of two: what networks have, and what nothing should have."""


@dataclass(frozen=True)
class Case:
    """A graph and an input for it."""

    graph: Graph
    x: np.ndarray

    def __repr__(self) -> str:  # what Hypothesis prints of a failure
        lines = [f"{self.graph.nodes[0].op} x {self.x.dtype}{self.x.shape}"]
        lines += [f"  {t.name}: {t.dtype}{t.shape} {t.quant}" for t in self.graph.tensors.values()]
        return "\n".join(lines)


@dataclass(frozen=True)
class Size:
    """How large drawn images may be."""

    height: int = 7
    width: int = 9
    channels: int = 6
    least: int = 1
    """Smallest height and width."""


SMALL = Size()
LARGE = Size(height=64, width=64, channels=12, least=32)
"""For the long tier: some ten thousand outputs a case."""

Drawn = Callable[..., Case]


@st.composite
def scale(draw: st.DrawFn, exponents: st.SearchStrategy[float] = EXPONENTS) -> float:
    """A float32 scale, as often a power of two or of 16 bits as of 24."""
    value = np.float32(2.0 ** draw(exponents))
    kind = draw(st.sampled_from(["full", "short", "power"]))
    mantissa, exponent = np.frexp(value)
    bits = {"full": 24, "short": 16, "power": 1}[kind]
    return float(np.float32(np.ldexp(max(np.rint(mantissa * 2**bits), 1), exponent - bits)))


def exponent(low: int, high: int) -> st.SearchStrategy[float]:
    """A power of two to scale by; as often a whole one, where ties are."""
    return st.one_of(st.floats(low, high), st.integers(low, high).map(float))


def with_ties(scale_out: float, rng: np.random.Generator) -> float:
    """The scale, or one near it in which the 1 or 6 of an activation is a whole and a half."""
    end = rng.choice([1.0, 6.0])
    steps = np.floor(end / scale_out)
    return float(np.float32(end / (steps + 0.5))) if rng.random() < 0.3 and 0 < steps < 256 else scale_out


@st.composite
def params(draw: st.DrawFn, dtype: str = "int8", **settings: object) -> QuantParams:
    """Scale and zero point of an activation."""
    low, high = LIMITS[dtype]
    zero = draw(st.one_of(st.sampled_from([low, high, 0]), st.integers(low, high)))
    return QuantParams((draw(scale(**settings)),), (max(zero, low),))


def codes(rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "int8", near: int | None = None) -> np.ndarray:
    """Random codes, a part of them at the type's ends; or all of them beside one code, so that steep ops keep them."""
    low, high = LIMITS[dtype]
    if near is not None:
        return np.clip(near + rng.integers(-3, 4, shape), low, high).astype(dtype)
    values = rng.integers(low, high + 1, shape)
    ends = np.where(rng.random(shape) < 0.5, low, high)
    return np.where(rng.random(shape) < rng.choice([0, 0.1, 1], p=[0.6, 0.3, 0.1]), ends, values).astype(dtype)


@st.composite
def shape(draw: st.DrawFn, size: Size = SMALL, channels: int | None = None, multiple: int = 1) -> tuple[int, ...]:
    """N·H·W·C; often a line or a point."""
    height = draw(st.integers(size.least, size.height))
    width = draw(st.integers(size.least, size.width))
    batch = draw(st.integers(1, 2)) if size.least == 1 else 1
    found = channels or draw(st.integers(1, size.channels))
    return (batch, height * multiple, width * multiple, found)


def graph_of(
    op: Op,
    x: Tensor,
    constants: list[Tensor],
    output: QuantParams | None,
    dtype: str,
    twice: bool = False,
    swapped: bool = False,
) -> Graph:
    """A graph of one op; ``twice`` reads the image as the second operand too, ``swapped`` the constant first."""
    graph = Graph(name="one", inputs=("x",), outputs=("y",))
    for tensor in (x, *constants):
        graph.add_tensor(tensor)
    names = ("x", *(t.name for t in constants)) if not twice else ("x", "x")
    graph.append(op, names[::-1] if swapped else names, Tensor("y", (), dtype, output))
    graph.update("y", shape=output_shape(graph, graph.nodes[0]))
    return graph


def constant(name: str, data: np.ndarray, quant: QuantParams) -> Tensor:
    return Tensor(name, data.shape, data.dtype.name, quant, data)


@st.composite
def convolution(draw: st.DrawFn, size: Size = SMALL, dtype: str = "int8", depthwise: bool | None = None) -> Case:
    """CONV_2D, grouped or not, or DEPTHWISE_CONV_2D."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    groups = draw(st.integers(1, 3)) if not depthwise and dtype == "int8" else 1
    each = draw(st.integers(1, max(size.channels // groups, 1)))
    inputs = groups * each
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (3, 2)]))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) if dilation == (1, 1) else (1, 1)
    if depthwise:
        stride = (stride[0],) * 2
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    grown = Size(size.height, size.width, size.channels, max(size.least, 1))
    x_shape = list(draw(shape(grown, channels=inputs)))
    if padding == "VALID":
        for i in range(2):
            x_shape[1 + i] += dilation[i] * (kernel[i] - 1)
    settings = {
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "activation": draw(st.sampled_from(ACTIVATIONS)),
    }
    if depthwise:
        multiplier = draw(st.integers(1, 3))
        op, outputs, weight_shape, axis = (
            ops.DepthwiseConv2D(**settings, multiplier=multiplier),
            inputs * multiplier,
            None,
            3,
        )
        weight_shape = (1, *kernel, outputs)
    else:
        op, outputs, axis = ops.Conv2D(**settings), groups * draw(st.integers(1, size.channels)), 0
        weight_shape = (outputs, *kernel, each)
    return _conv_case(draw, rng, op, tuple(x_shape), weight_shape, outputs, axis, dtype)


def _conv_case(draw, rng, op, x_shape, weight_shape, outputs, axis, dtype) -> Case:
    """Multipliers far under one as in networks, or steep ones over it, or tiny scales whose product may be denormal."""
    kind = draw(st.sampled_from(["usual", "usual", "steep", "tiny"]))
    tiny = draw(st.floats(-68, -55)) if kind == "tiny" else 0.0
    x_quant = draw(params(dtype))
    if tiny:
        x_quant = QuantParams((float(np.float32(2.0**tiny)),), x_quant.zero_point)
    peaks = 2.0 ** (rng.uniform(-10, 2, outputs) + tiny)
    if draw(st.booleans()):
        peaks = 2.0 ** np.rint(np.log2(peaks))
    whole = dtype == "uint8" or draw(st.booleans())
    zero_w = draw(st.integers(0, 255)) if dtype == "uint8" else 0
    if whole:
        weight_quant = QuantParams((float(np.float32(peaks[0])),), (zero_w,))
    else:
        weight_quant = QuantParams(tuple(float(np.float32(p)) for p in peaks), (0,) * outputs, axis)
    if kind == "steep":
        weight, reach = np.clip(zero_w + rng.integers(-2, 3, weight_shape), *LIMITS[dtype]).astype(dtype), 20.0
    else:
        weight = rng.integers(*LIMITS[dtype], weight_shape, endpoint=True).astype(dtype)
        terms = int(np.prod(weight_shape)) / outputs if axis == 0 else weight_shape[1] * weight_shape[2]
        reach = 127 * 127 * np.sqrt(terms) / 3
    bias_quant = bias_params(x_quant.scale[0], weight_quant)
    bias = rng.integers(-reach, reach + 1, outputs).astype(np.int32)
    # an output range from far too narrow to far too wide for what the sums reach
    steps = draw(exponent(-3, 9)) - np.floor(np.log2(reach))
    out_scale = max(float(np.float32(max(bias_quant.scale) * 2.0**-steps)), 2.0**-126)
    out = QuantParams((with_ties(out_scale, rng),), draw(params(dtype)).zero_point)
    constants = [constant("w", weight, weight_quant), constant("b", bias, bias_quant)]
    graph = graph_of(op, Tensor("x", x_shape, dtype, x_quant), constants, out, dtype)
    near = x_quant.zero_point[0] if kind == "steep" else None
    return Case(graph, codes(rng, x_shape, dtype, near))


@st.composite
def elementwise(draw: st.DrawFn, op: str, size: Size = SMALL, dtype: str = "int8") -> Case:
    """ADD, SUB, MUL with a constant of the image's shape, or one that broadcasts."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = {"ADD": ops.Add, "SUB": ops.Sub, "MUL": ops.Mul}[op]
    x_shape = draw(shape(size))
    axes = draw(st.tuples(*[st.booleans()] * 4))
    some = tuple(size if kept else 1 for size, kept in zip(x_shape, axes, strict=True))
    other = draw(st.sampled_from([x_shape, x_shape, (1, 1, 1, x_shape[3]), x_shape[3:], (1,), some]))
    a, b = draw(params(dtype)), draw(params(dtype))
    if op != "MUL":  # within the ratios that matter, and some beyond
        beside = float(np.float32(max(a.scale[0] * 2.0 ** draw(exponent(-11, 11)), 2.0**-126)))
        b = QuantParams((beside,), b.zero_point)
    real = a.scale[0] * b.scale[0] * 128**2 if op == "MUL" else max(a.scale[0], b.scale[0]) * 128
    reach = draw(st.one_of(exponent(-3, 12), exponent(-3, 12), exponent(12, 25)))
    out_scale = with_ties(float(np.float32(np.clip(real / 2.0**reach, 2.0**-126, 2.0**126))), rng)
    out = QuantParams((out_scale,), draw(params(dtype)).zero_point)
    x = Tensor("x", x_shape, dtype, a)
    near = draw(st.booleans()) if reach > 12 else False
    second = constant("c", codes(rng, other, dtype, b.zero_point[0] if near else None), b)
    graph = graph_of(kind(draw(st.sampled_from(ACTIVATIONS))), x, [second], out, dtype, swapped=draw(st.booleans()))
    return Case(graph, codes(rng, x_shape, dtype, a.zero_point[0] if near else None))


@st.composite
def unary(draw: st.DrawFn, op: str, size: Size = SMALL, dtype: str = "int8") -> Case:
    """RELU and its like, LEAKY_RELU, PRELU, LOGISTIC, QUANTIZE between grids."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kinds = {
        "RELU": ops.Relu,
        "RELU6": ops.Relu6,
        "RELU_0_TO_1": ops.Relu0To1,
        "LOGISTIC": ops.Logistic,
        "LEAKY_RELU": ops.LeakyRelu,
        "PRELU": ops.PRelu,
        "TANH": ops.Tanh,
        "HARD_SWISH": ops.HardSwish,
        "QUANTIZE": ops.Quantize,
    }
    x_shape = draw(shape(size))
    source = draw(params(dtype))
    low, _ = LIMITS[dtype]
    target_dtype = dtype
    ratio = 2.0 ** draw(st.one_of(exponent(-9, 8), exponent(-9, 8), exponent(-40, 20)))
    out_scale = float(np.float32(np.clip(source.scale[0] / ratio, 2.0**-126, 2.0**126)))
    out = QuantParams((out_scale,), draw(params(dtype)).zero_point)
    constants = []
    made = kinds[op]()
    if op == "LOGISTIC":
        out = QuantParams((1 / 256,), (low,))
    elif op in ("TANH", "HARD_SWISH"):
        source = QuantParams((draw(scale(st.floats(-12, 0))),), source.zero_point)
        tie = st.integers(1, 200).map(lambda k: float(np.float32(2 / (2 * k + 1))))  # one is a whole and a half
        out = QuantParams((draw(st.one_of(scale(st.floats(-9, -1)), tie)),), out.zero_point)
    elif op == "LEAKY_RELU":
        made = ops.LeakyRelu(float(str(np.float32(draw(st.floats(-1.5, 1.5))))))
    elif op == "PRELU":
        constants = [
            constant("c", codes(rng, (1, 1, x_shape[3]), dtype), draw(params(dtype, exponents=st.floats(-24, 8))))
        ]
    elif op == "QUANTIZE":
        target_dtype = draw(st.sampled_from(["int8", "uint8"]))
        zero = draw(params(target_dtype)).zero_point
        same = draw(st.booleans())
        out = QuantParams(source.scale if same else out.scale, zero)
    elif op.startswith("RELU"):
        source, out = (QuantParams((max(q.scale[0], 2.0**-24),), q.zero_point) for q in (source, out))
        out = QuantParams((with_ties(out.scale[0], rng),), out.zero_point)
    graph = graph_of(made, Tensor("x", x_shape, dtype, source), constants, out, target_dtype)
    return Case(graph, codes(rng, x_shape, dtype))


@st.composite
def moving(draw: st.DrawFn, op: str, size: Size = SMALL, dtype: str = "int8") -> Case:
    """Ops that move or compare codes, and keep their quantization parameters."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    block, quant = draw(st.integers(1, 3)), draw(params(dtype))
    x_shape = draw(shape(size, multiple=block if op == "SPACE_TO_DEPTH" else 1))
    constants = []
    if op == "DEPTH_TO_SPACE":
        x_shape = (*x_shape[:3], x_shape[3] * block**2)
    if op in ("MINIMUM", "MAXIMUM"):
        constants = [constant("c", codes(rng, draw(st.sampled_from([x_shape, x_shape[3:], (1,)])), dtype), quant)]
    made: dict[str, Op] = {
        "DEPTH_TO_SPACE": ops.DepthToSpace(block),
        "SPACE_TO_DEPTH": ops.SpaceToDepth(block),
        "RESIZE_NEAREST_NEIGHBOR": ops.ResizeNearestNeighbor(block),
        "MINIMUM": ops.Minimum(),
        "MAXIMUM": ops.Maximum(),
        "CONCATENATION": ops.Concatenation(draw(st.integers(1, 3))),
    }
    x = Tensor("x", x_shape, dtype, quant)
    graph = graph_of(made[op], x, constants, quant, dtype, twice=op == "CONCATENATION")
    return Case(graph, codes(rng, x_shape, dtype))


@st.composite
def ends(draw: st.DrawFn, op: str, size: Size = SMALL, dtype: str = "int8") -> Case:
    """QUANTIZE from float32 and DEQUANTIZE to it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x_shape, quant = draw(shape(size)), draw(params(dtype))
    if op == "DEQUANTIZE":
        graph = graph_of(ops.Dequantize(), Tensor("x", x_shape, dtype, quant), [], None, "float32")
        return Case(graph, codes(rng, x_shape, dtype))
    graph = graph_of(ops.Quantize(), Tensor("x", x_shape), [], quant, dtype)
    steps = rng.uniform(-300, 300, x_shape)
    steps = np.where(rng.random(x_shape) < 0.3, np.floor(steps) + 0.5, steps)  # ties
    return Case(graph, (steps * quant.scale[0]).astype(np.float32))
