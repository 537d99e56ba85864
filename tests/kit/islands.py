"""An int8 network with an island of int16 in it, and convolutions with int4 weights on either side."""

import numpy as np

from sr2tflite.graph import Graph, Op, Tensor, ops
from sr2tflite.graph.shapes import output_shape
from sr2tflite.numerics.qparams import LIMITS, QuantParams, bias_params

RANGE = 6.0
"""What activations reach, about."""


class Islander:
    """Puts quantized ops at the end of a graph, each range as wide as ``RANGE`` allows."""

    def __init__(self, seed: int, channels: int) -> None:
        self.rng, self.channels = np.random.default_rng(seed), channels
        self.graph = Graph(name="island", inputs=("input",))
        self.graph.add_tensor(Tensor("input", (1, None, None, 3), "int8", QuantParams((1.0,), (-128,))))

    def grid(self, dtype: str) -> QuantParams:
        """A scale of any bits; a zero point where the type has one."""
        low, high = LIMITS[dtype]
        zero = 0 if dtype == "int16" else int(self.rng.integers(-100, 100))
        return QuantParams((float(np.float32(RANGE * self.rng.uniform(2, 4) / (high - low))),), (zero,))

    def put(self, op: Op, sources: tuple[str, ...], dtype: str, quant: QuantParams | None = None) -> str:
        name = f"{op.kind}{len(self.graph.nodes)}"
        self.graph.append(op, sources, Tensor(name, (), dtype, quant or self.grid(dtype)))  # type: ignore[arg-type]
        self.graph.update(name, shape=output_shape(self.graph, self.graph.nodes[-1]))
        return name

    def conv(self, x: str, bias: str, weight: str = "int8", *, outputs: int = 0, op: Op | None = None) -> str:
        """A convolution whose sums fill its output's range; the output has the input's type."""
        op, source = op or ops.Conv2D(), self.graph.tensors[x]
        depthwise = isinstance(op, ops.DepthwiseConv2D)
        outputs = source.channels if depthwise else outputs or self.channels
        shape = (1, 3, 3, outputs) if depthwise else (outputs, 3, 3, source.channels)
        low, high = (-8, 7) if weight == "int4" else (-127, 127)
        codes = self.rng.integers(low, high + 1, shape).astype(np.int8)
        gain = 1 / (high * np.sqrt(codes.size / outputs)) * np.exp(self.rng.normal(0, 0.3, outputs))
        quant = QuantParams(tuple(float(np.float32(g)) for g in gain), (0,) * outputs, 3 if depthwise else 0)
        biases = bias_params(source.quant.scale[0], quant)  # type: ignore[union-attr]
        values = np.rint(self.rng.normal(0, 3, outputs) / biases.scale).astype(bias)
        name = f"{x}.{len(self.graph.nodes)}"
        self.graph.add_tensor(Tensor(f"{name}.weight", shape, weight, quant, codes))  # type: ignore[arg-type]
        names = (x, f"{name}.weight", self.graph.constant(f"{name}.bias", values, biases))
        return self.put(op, names, source.dtype)

    def constant(self, shape: tuple[int, ...], scale: float) -> str:
        codes = self.rng.integers(-(2**15), 2**15, shape).astype(np.int16)
        return self.graph.constant(f"c{len(self.graph.tensors)}", codes, QuantParams((float(np.float32(scale)),), (0,)))


def island_graph(seed: int = 0, channels: int = 6, scale: int = 2) -> Graph:
    """int8 in and out; between two QUANTIZE ops, every op that LiteRT has for int16."""
    put = Islander(seed, channels)
    stem = put.conv("input", "int32", "int4", op=ops.Conv2D(activation="RELU"))
    wide = put.put(ops.Quantize(), (stem,), "int16")
    x = put.conv(wide, "int64", op=ops.Conv2D(activation="RELU6"))
    x = put.put(ops.Add("RELU"), (x, wide), "int16")
    x = put.conv(x, "int32")
    x = put.conv(x, "int64", op=ops.DepthwiseConv2D(activation="RELU_N1_TO_1"))
    x = put.put(ops.Sub(), (x, put.constant((channels,), RANGE / 2**16)), "int16")
    gate = put.put(ops.Logistic(), (x,), "int16", QuantParams((2.0**-15,), (0,)))
    x = put.put(ops.Mul(), (x, gate), "int16")
    x = put.put(ops.LeakyRelu(0.1), (x,), "int16")
    finer = put.put(ops.Quantize(), (wide,), "int16", put.graph.tensors[x].quant)
    x = put.put(ops.Concatenation(), (x, finer), "int16", put.graph.tensors[x].quant)
    x = put.put(ops.Maximum(), (x, constant_like(put, x)), "int16", put.graph.tensors[x].quant)
    x = put.conv(x, "int64", "int4")
    x = put.put(ops.Add(), (x, put.put(ops.Tanh(), (wide,), "int16", QuantParams((2.0**-15,), (0,)))), "int16")
    x = put.put(ops.Quantize(), (x,), "int8")
    x = put.conv(x, "int32", "int4", outputs=3 * scale**2)
    put.put(ops.DepthToSpace(scale), (x,), "int8", put.graph.tensors[x].quant)
    put.graph.outputs = (put.graph.nodes[-1].output,)
    return put.graph


def constant_like(put: Islander, like: str) -> str:
    """A constant on another tensor's grid."""
    quant = put.graph.tensors[like].quant
    assert quant is not None
    return put.constant((1,), quant.scale[0])
