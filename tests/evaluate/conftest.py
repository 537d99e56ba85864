from pathlib import Path

import numpy as np
import pytest

from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.numerics.qparams import QuantParams, affine, bias_params, symmetric

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PIXELS = QuantParams((1.0,), (-128,))


def add_conv(graph: Graph, source: str, kernel: tuple[int, ...], out: QuantParams, op: ops.Op) -> str:
    random, name = np.random.default_rng(len(graph.nodes)), f"conv{len(graph.nodes)}"
    given = graph.tensors[source]
    fan_in = int(np.prod(kernel[1:]))
    weight = symmetric(np.full(kernel[0], 1.5 / np.sqrt(fan_in)), axis=0)
    graph.constant(f"{name}/w", random.integers(-127, 128, kernel).astype(np.int8), weight)
    bias = bias_params(given.quant.scale[0], weight)
    codes = np.rint(random.uniform(-30, 60, kernel[0]) / np.array(bias.scale)).astype(np.int32)
    graph.constant(f"{name}/b", codes, bias)
    shape = (1, *given.shape[1:3], kernel[0])
    return graph.append(op, (source, f"{name}/w", f"{name}/b"), Tensor(name, shape, "int8", out)).name


@pytest.fixture(scope="session")
def quantized_network():
    """A ×2 network with radius 3 + 2 = 5: two 3×3 convs, a dilated 3×3, an add, a 1×3 conv; int8, random weights."""

    def build(height: int | None = None, width: int | None = None) -> Graph:
        graph = Graph(metadata={"calibrated_on": "abc"})
        graph.add_tensor(Tensor("x", (1, height, width, 3), "int8", PIXELS))
        graph.inputs = ("x",)
        relu, plain = ops.Conv2D(activation="RELU"), ops.Conv2D()
        stem = add_conv(graph, "x", (6, 3, 3, 3), affine(0, 600), relu)
        body = add_conv(graph, stem, (6, 3, 3, 6), affine(0, 900), relu)
        body = add_conv(graph, body, (6, 3, 3, 6), affine(-900, 900), ops.Conv2D(dilation=(2, 2)))
        total = Tensor("sum", graph.tensors[body].shape, "int8", affine(-800, 900))
        graph.append(ops.Add(), (stem, body), total)
        tail = add_conv(graph, "sum", (12, 1, 3, 6), PIXELS, plain)
        sizes = (height and height * 2, width and width * 2)
        graph.append(ops.DepthToSpace(2), (tail,), Tensor("y", (1, *sizes, 3), "int8", PIXELS))
        graph.outputs = ("y",)
        return graph

    return build


@pytest.fixture(scope="session")
def eval_sets() -> Path:
    folder = DATA / "eval"
    if not folder.is_dir():
        pytest.skip(f"no test sets at {folder}")
    return folder


@pytest.fixture
def noise():
    def image(height: int, width: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)

    return image
