"""Random float graphs in pixel units, with ranges that are hard on the arithmetic."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.shapes import infer_shapes
from sr2tflite.quant.limits import Range
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.settings import Bits, WeightGrid
from sr2tflite.quant.view import QuantizedView


@dataclass
class Builder:
    """Puts random ops at the end of a graph; weights have any size between tiny and large."""

    rng: np.random.Generator
    graph: Graph

    def channels(self, name: str) -> int:
        return self.graph.tensors[name].channels

    def conv(self, source: str, width: int, size: int, activation: ops.Activation = "NONE") -> str:
        name, fan_in = f"t{len(self.graph.nodes)}", size**2 * self.channels(source)
        spread = np.exp(self.rng.normal(0, 1, (width, 1, 1, 1))) / fan_in**0.5
        weight = self.rng.normal(0, 1, (width, size, size, self.channels(source))) * spread
        bias = self.rng.normal(0, 30, width)
        constants = [
            self.graph.constant(f"{name}_{key}", value.astype(np.float32))
            for key, value in (("weight", weight), ("bias", bias))
        ]
        self.graph.append(ops.Conv2D(activation=activation), (source, *constants), Tensor(name, (1, None, None, width)))
        return name

    def join(self, op: ops.Op, *sources: str) -> str:
        name = f"t{len(self.graph.nodes)}"
        width = sum(map(self.channels, sources)) if op.kind == "CONCATENATION" else self.channels(sources[0])
        self.graph.append(op, sources, Tensor(name, (1, None, None, width)))
        return name


def build_graph(rng: np.random.Generator, steps: int, width: int) -> Graph:
    """Convolutions, additions and concatenations in random order, then a pixel shuffle."""
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    builder = Builder(rng, graph)
    names = [builder.conv("x", width, 3)]
    for _ in range(steps):
        activation: ops.Activation = str(rng.choice(["NONE", "RELU"]))  # type: ignore[assignment]
        source = str(rng.choice(names[-3:]))
        kind = rng.choice(["conv", "conv", "add", "cat"])
        if kind == "add":
            names.append(builder.join(ops.Add(activation=activation), source, names[-1]))
        elif kind == "cat":
            wide = builder.join(ops.Concatenation(), builder.conv(source, 5, 1), builder.conv(names[-1], 8, 3))
            names.append(builder.conv(wide, width, 1, activation))
        else:
            names.append(builder.conv(source, width, int(rng.choice([1, 3, 5])), activation))
    scale = int(rng.choice([2, 3]))
    tail = builder.conv(names[-1], 3 * scale**2, 3)
    anchor = builder.conv("x", 3 * scale**2, 1)
    builder.join(ops.DepthToSpace(scale), builder.join(ops.Add(), tail, anchor))
    graph.outputs = (graph.nodes[-1].output,)
    infer_shapes(graph)
    return graph


def hard_ranges(
    view_graph: Graph, rng: np.random.Generator, weights: WeightGrid = "per-channel", bits: Bits | None = None
) -> QuantizedView:
    """A view whose ranges span 0.05…5000 pixels on either side, so that codes saturate and multipliers reach over 1."""
    plan = plan_quantization(view_graph, bits)
    spread = {
        index: Range(-float(np.exp(rng.uniform(-3, 8))), float(np.exp(rng.uniform(-3, 8))))
        for index, group in enumerate(plan.groups)
        if not group.fixed
    }
    return QuantizedView(plan, spread, weights)


@pytest.fixture
def hard_view() -> Callable[..., QuantizedView]:
    """A random view by seed, kind of weight scales and bits."""

    def make(seed: int, weights: WeightGrid = "per-channel", bits: Bits | None = None) -> QuantizedView:
        rng = np.random.default_rng(seed)
        graph = build_graph(rng, int(rng.integers(1, 7)), int(rng.choice([8, 13, 32])))
        return hard_ranges(graph, rng, weights, bits)

    return make
