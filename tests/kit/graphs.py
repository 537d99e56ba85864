"""Deploy graphs made on the spot: small super-resolution networks with random weights, float and quantized."""

from typing import Literal

import numpy as np
from kit.floats import run_float

from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.numerics.qparams import (
    WEIGHT_LIMIT,
    QuantParams,
    affine,
    bias_params,
    quantize,
    symmetric,
)
from sr2tflite.numerics.requantize import conv_multipliers

Skip = Literal["none", "add", "features", "concat", "nearest"]
"""What joins the trunk: nothing, the stem's output (features: without any activation, as aio_mai's), or (nearest) the
input itself before DEPTH_TO_SPACE."""

PIXELS = QuantParams((1.0,), (-128,))
"""Raw pixels minus 128."""


def _conv(graph: Graph, source: str, name: str, channels: int, rng: np.random.Generator, **settings: object) -> str:
    kernel = settings.pop("kernel", 3)
    inputs = graph.tensors[source].channels
    weight = rng.normal(0, 1 / np.sqrt(kernel**2 * inputs), (channels, kernel, kernel, inputs)).astype(np.float32)
    bias = rng.normal(0, 0.05 * graph.value_range[1], channels).astype(np.float32)
    names = (source, graph.constant(f"{name}.weight", weight), graph.constant(f"{name}.bias", bias))
    shape = (*graph.tensors[source].shape[:3], channels)
    graph.append(ops.Conv2D(**settings), names, Tensor(name, shape))
    return name


def _nearest_anchor(graph: Graph, scale: int) -> str:
    weight = np.tile(np.eye(3, dtype=np.float32), (scale**2, 1)).reshape(3 * scale**2, 1, 1, 3)
    names = (
        graph.input.name,
        graph.constant("anchor.weight", weight),
        graph.constant("anchor.bias", np.zeros(3 * scale**2, np.float32)),
    )
    graph.append(ops.Conv2D(), names, Tensor("anchor", (*graph.input.shape[:3], 3 * scale**2)))
    return "anchor"


def _add(graph: Graph, name: str, left: str, right: str, activation: ops.Activation = "NONE") -> str:
    graph.append(ops.Add(activation), (left, right), Tensor(name, graph.tensors[left].shape))
    return name


def float_sr_graph(
    channels: int = 8,
    depth: int = 2,
    scale: int = 3,
    *,
    skip: Skip = "add",
    size: tuple[int | None, int | None] = (None, None),
    value_range: tuple[float, float] = (0.0, 255.0),
    seed: int = 0,
) -> Graph:
    """Stem, ``depth`` convolutions with ReLU, a skip, the tail and DEPTH_TO_SPACE."""
    rng = np.random.default_rng(seed)
    graph = Graph(name="sr", value_range=value_range, metadata={"student": "kit", "seed": str(seed)})
    graph.add_tensor(Tensor("input", (1, *size, 3)))
    graph.inputs = ("input",)
    joint: ops.Activation = "NONE" if skip == "features" else "RELU"
    stem = trunk = _conv(graph, "input", "stem", channels, rng, activation=joint)
    for index in range(depth):
        trunk = _conv(graph, trunk, f"body.{index}", channels, rng, activation="RELU")
    if skip in ("add", "features"):
        trunk = _add(graph, "trunk", trunk, stem, joint)
    elif skip == "concat":
        graph.append(ops.Concatenation(), (trunk, stem), Tensor("trunk", (1, *size, 2 * channels)))
        trunk = "trunk"
    tail = _conv(graph, trunk, "tail", 3 * scale**2, rng)
    if skip == "nearest":
        tail = _add(graph, "image", tail, _nearest_anchor(graph, scale))
    enlarged = tuple(length and length * scale for length in size)
    graph.append(ops.DepthToSpace(scale), (tail,), Tensor("output", (1, *enlarged, 3)))
    graph.outputs = ("output",)
    return graph


def quantized_sr_graph(
    channels: int = 8,
    depth: int = 2,
    scale: int = 3,
    *,
    skip: Skip = "add",
    size: tuple[int | None, int | None] = (None, None),
    seed: int = 0,
) -> Graph:
    """``float_sr_graph`` on the int8 grid: per-channel weights, ranges of a random image, raw pixels at the ends."""
    return quantized(float_sr_graph(channels, depth, scale, skip=skip, size=size, seed=seed), seed)


def quantized(graph: Graph, seed: int = 0) -> Graph:
    """The float graph itself, brought to the int8 grid."""
    image = np.random.default_rng(seed).uniform(0, 255, (1, 24, 24, 3))
    for name, quant in _activation_params(graph, run_float(graph, image)).items():
        graph.update(name, dtype="int8", quant=quant)
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv2D):
            _quantize_conv(graph, *node.inputs)
            _assert_in_range(graph, *node.inputs[:2], node.output)
    return graph


def per_tensor(graph: Graph) -> Graph:
    """A copy of a quantized graph with one weight scale per layer, its channels' mean; the codes stay."""
    result = graph.copy()
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D):
            x, weight, bias = node.inputs
            mean = float(np.float32(np.mean(graph.tensors[weight].quant.scale)))
            quant = QuantParams((mean,), (0,))
            result.update(weight, quant=quant)
            result.update(bias, quant=bias_params(graph.tensors[x].quant.scale[0], quant))
    return result


def _activation_params(graph: Graph, values: dict[str, np.ndarray]) -> dict[str, QuantParams]:
    params = {name: affine(float(value.min()), max(float(value.max()), 1.0)) for name, value in values.items()}
    params[graph.input.name] = params[graph.output.name] = PIXELS
    for node in graph.nodes:
        if isinstance(node.op, ops.DepthToSpace):
            params[node.inputs[0]] = params[node.output]
        if isinstance(node.op, ops.Concatenation):
            params.update(dict.fromkeys(node.inputs, params[node.output]))
    return params


def _quantize_conv(graph: Graph, x: str, weight: str, bias: str) -> None:
    real = graph.tensors[weight].data
    quant = symmetric(np.abs(real).max((1, 2, 3)), 0)
    graph.update(weight, dtype="int8", quant=quant, data=quantize(real, quant, "int8", WEIGHT_LIMIT))
    bias_quant = bias_params(graph.tensors[x].quant.scale[0], quant)
    codes = quantize(graph.tensors[bias].data, bias_quant, "int32")
    graph.update(bias, dtype="int32", quant=bias_quant, data=codes)


def _assert_in_range(graph: Graph, x: str, weight: str, out: str) -> None:
    scales = (graph.tensors[x].quant.scale[0], graph.tensors[weight].quant.scale, graph.tensors[out].quant.scale[0])
    multipliers = conv_multipliers(*scales)
    assert 2.0**-32 <= multipliers.min() <= multipliers.max() < 256, multipliers
