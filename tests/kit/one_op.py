"""Graphs of a single op, float and quantized: one case for every op that the deploy graph can write."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Graph, Op, Tensor, ops
from sr2tflite.graph.shapes import output_shape
from sr2tflite.numerics.qparams import WEIGHT_LIMIT, QuantParams, bias_params, quantize, symmetric

CHANNELS = 8
SHARED = QuantParams((1.0,), (-128,))
HALF = QuantParams((0.5,), (-3,))

Constants = dict[str, NDArray[np.float32]]
Codes = tuple[NDArray[np.int8], QuantParams]


def normal(*shape: int) -> NDArray[np.float32]:
    """Small random floats."""
    return np.random.default_rng(sum(shape)).normal(0, 0.3, shape).astype(np.float32)


CASES: dict[str, Callable[[], tuple[Op, Constants]]] = {
    "conv": lambda: (ops.Conv2D(), {"w": normal(6, 3, 3, CHANNELS), "b": normal(6)}),
    "conv_valid_relu": lambda: (
        ops.Conv2D(padding="VALID", activation="RELU"),
        {"w": normal(6, 3, 5, CHANNELS), "b": normal(6)},
    ),
    "conv_1x1_valid": lambda: (ops.Conv2D(padding="VALID"), {"w": normal(1, 1, 1, CHANNELS), "b": normal(1)}),
    "conv_even_kernel": lambda: (ops.Conv2D(), {"w": normal(6, 2, 4, CHANNELS), "b": normal(6)}),
    "conv_strided_relu6": lambda: (
        ops.Conv2D(stride=(2, 2), activation="RELU6"),
        {"w": normal(6, 3, 3, CHANNELS), "b": normal(6)},
    ),
    "conv_dilated": lambda: (ops.Conv2D(dilation=(2, 2)), {"w": normal(6, 3, 3, CHANNELS), "b": normal(6)}),
    "conv_grouped": lambda: (ops.Conv2D(), {"w": normal(6, 3, 3, CHANNELS // 2), "b": normal(6)}),
    "conv_one_channel_groups": lambda: (ops.Conv2D(), {"w": normal(CHANNELS, 3, 3, 1), "b": normal(CHANNELS)}),
    "depthwise": lambda: (ops.DepthwiseConv2D(), {"w": normal(1, 3, 3, CHANNELS), "b": normal(CHANNELS)}),
    "depthwise_dilated": lambda: (
        ops.DepthwiseConv2D(dilation=(2, 2)),
        {"w": normal(1, 3, 3, CHANNELS), "b": normal(CHANNELS)},
    ),
    "depthwise_twofold": lambda: (
        ops.DepthwiseConv2D(multiplier=2, activation="RELU_N1_TO_1"),
        {"w": normal(1, 3, 3, 2 * CHANNELS), "b": normal(2 * CHANNELS)},
    ),
    "add": lambda: (ops.Add("RELU"), {"c": normal(CHANNELS)}),
    "add_rank_4": lambda: (ops.Add(), {"c": normal(1, 1, 1, CHANNELS)}),
    "sub": lambda: (ops.Sub(), {"c": normal(1, CHANNELS)}),
    "mul": lambda: (ops.Mul("RELU6"), {"c": normal(1, 1, CHANNELS)}),
    "minimum": lambda: (ops.Minimum(), {"c": normal(1)}),
    "maximum": lambda: (ops.Maximum(), {"c": normal(CHANNELS)}),
    "concatenation": lambda: (ops.Concatenation(), {}),
    "relu": lambda: (ops.Relu(), {}),
    "relu6": lambda: (ops.Relu6(), {}),
    "relu_0_to_1": lambda: (ops.Relu0To1(), {}),
    "leaky_relu": lambda: (ops.LeakyRelu(0.2), {}),
    "prelu": lambda: (ops.PRelu(), {"c": normal(1, 1, CHANNELS)}),
    "logistic": lambda: (ops.Logistic(), {}),
    "depth_to_space": lambda: (ops.DepthToSpace(2), {}),
    "tanh": lambda: (ops.Tanh(), {}),
    "hard_swish": lambda: (ops.HardSwish(), {}),
    "space_to_depth": lambda: (ops.SpaceToDepth(1), {}),
    "resize_nearest": lambda: (ops.ResizeNearestNeighbor(3), {}),
}
"""What the case is about → the op and its constants, in order after the image."""

SHARING = ("minimum", "maximum", "concatenation", "depth_to_space", "space_to_depth", "resize_nearest")
"""Cases whose ops move or compare codes: inputs and outputs share their scale."""


def one_op_graph(case: str, *, height: int | None = 5, width: int | None = 7) -> Graph:
    """The float graph of a case."""
    op, constants = CASES[case]()
    graph = Graph(name=case)
    graph.add_tensor(Tensor("x", (1, height, width, CHANNELS)))
    graph.inputs, graph.outputs = ("x",), ("y",)
    names = ["x", *(graph.constant(name, data) for name, data in constants.items())]
    if isinstance(op, ops.Concatenation):
        names.append("x")
    graph.append(op, names, Tensor("y", ()))
    graph.update("y", shape=output_shape(graph, graph.nodes[0]))
    return graph


def quantized_one_op_graph(case: str, *, height: int | None = 5, width: int | None = 7) -> Graph:
    """The int8 graph of a case."""
    graph = one_op_graph(case, height=height, width=width)
    graph.update("x", dtype="int8", quant=SHARED)
    graph.update("y", dtype="int8", quant=_output_params(case))
    for name, tensor in list(graph.tensors.items()):
        if name == "w":
            axis = 3 if "depthwise" in case else 0
            others = tuple(i for i in range(4) if i != axis)
            quant = symmetric(np.abs(tensor.data).max(others), axis)
            graph.update(name, dtype="int8", quant=quant, data=quantize(tensor.data, quant, "int8", WEIGHT_LIMIT))
        elif name == "c":
            quant = SHARED if case in SHARING else QuantParams((0.25,), (1,))
            graph.update(name, dtype="int8", quant=quant, data=quantize(tensor.data, quant, "int8"))
    if "b" in graph.tensors:
        quant = bias_params(1.0, graph.tensors["w"].quant)
        graph.update("b", dtype="int32", quant=quant, data=quantize(graph.tensors["b"].data, quant, "int32"))
    return graph


def int8_graph(op: Op, x: QuantParams, y: QuantParams, constant: Codes | None = None, *, first: bool = False) -> Graph:
    """One int8 op on all 256 codes, which the input's 16 × 16 pixels hold, and perhaps a constant."""
    graph = Graph(inputs=("x",), outputs=("y",))
    graph.add_tensor(Tensor("x", (1, 16, 16, CHANNELS), "int8", x))
    names = ["x"] if constant is None else ["x", graph.constant("c", *constant)]
    graph.append(op, names[::-1] if first else names, Tensor("y", (), "int8", y))
    graph.update("y", shape=output_shape(graph, graph.nodes[0]))
    return graph


def int8_graph_of_two(op: Op, x: QuantParams, second: QuantParams, y: QuantParams, width: int = CHANNELS) -> Graph:
    """One int8 op on the image and a 1×1 convolution of it that has ``width`` channels."""
    graph, rng = Graph(inputs=("x",), outputs=("y",)), np.random.default_rng(width)
    graph.add_tensor(Tensor("x", (1, 16, 16, CHANNELS), "int8", x))
    weight = QuantParams((float(np.float32(second.scale[0] / x.scale[0] / 127)),) * width, (0,) * width, 0)
    codes = rng.integers(-127, 128, (width, 1, 1, CHANNELS)).astype(np.int8)
    bias = rng.integers(-9000, 9000, width).astype(np.int32)
    names = ("x", graph.constant("w", codes, weight), graph.constant("b", bias, bias_params(x.scale[0], weight)))
    graph.append(ops.Conv2D(), names, Tensor("second", (1, 16, 16, width), "int8", second))
    graph.append(op, ("x", "second"), Tensor("y", (1, 16, 16, CHANNELS), "int8", y))
    return graph


def all_codes() -> NDArray[np.int8]:
    """An input of ``int8_graph`` that holds each code in each channel."""
    rows = [np.random.default_rng(channel).permutation(np.arange(-128, 128)) for channel in range(CHANNELS)]
    return np.stack(rows, -1).astype(np.int8).reshape(1, 16, 16, CHANNELS)


def _output_params(case: str) -> QuantParams:
    if case in SHARING:
        return SHARED
    return QuantParams((1 / 256,), (-128,)) if case == "logistic" else HALF
