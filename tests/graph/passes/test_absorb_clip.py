"""The final clip goes, whatever its form and place; other ops stay."""

import numpy as np
import pytest

from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.passes.absorb_clip import absorb_clip

BASE = "CONV_2D DEPTH_TO_SPACE"


def network(tail: list[str], value_range: tuple[float, float] = (0.0, 255.0)) -> Graph:
    """A convolution and the ops of ``tail`` after it: ``relu``, ``relu01``, ``min 255``, ``max 0``, ``shuffle``."""
    graph = Graph(inputs=("x",), value_range=value_range)
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    weight = graph.constant("w", np.ones((12, 1, 1, 3), np.float32))
    bias = graph.constant("b", np.zeros(12, np.float32))
    activation = "RELU" if tail[0] == "fused relu" else "NONE"
    last = graph.append(ops.Conv2D(activation=activation), ("x", weight, bias), Tensor("conv", (1, None, None, 12)))
    for index, name in enumerate(tail):
        if name != "fused relu":
            last = _append(graph, name, last, f"t{index}")
    graph.outputs = (last.name,)
    return graph


def _append(graph: Graph, name: str, source: Tensor, output: str) -> Tensor:
    kind, _, value = name.partition(" ")
    plain = {"relu": ops.Relu(), "relu01": ops.Relu0To1(), "shuffle": ops.DepthToSpace(2)}
    if kind in plain:
        channels = 3 if kind == "shuffle" else source.channels
        return graph.append(plain[kind], (source.name,), Tensor(output, (1, None, None, channels)))
    op = ops.Minimum() if kind == "min" else ops.Maximum()
    constant = graph.constant(f"{output}_c", np.float32([float(value)]))
    return graph.append(op, (constant, source.name), Tensor(output, source.shape))


ABSORBED = {
    "relu and minimum after the shuffle": network(["shuffle", "relu", "min 255"]),
    "relu and minimum before the shuffle": network(["relu", "min 255", "shuffle"]),
    "maximum and minimum": network(["max 0", "min 255", "shuffle"]),
    "on both sides": network(["min 255", "shuffle", "max 0"]),
    "a lone relu": network(["shuffle", "relu"]),
    "a fused relu": network(["fused relu", "shuffle", "min 255"]),
    "a clip to one": network(["shuffle", "relu01"], (0.0, 1.0)),
    "minimum with one": network(["relu", "shuffle", "min 1"], (0.0, 1.0)),
}
KEPT = {
    "a clip to one in pixels": network(["shuffle", "relu01"]),
    "another bound": network(["shuffle", "min 200"]),
    "a floor above black": network(["shuffle", "max 16"]),
}


@pytest.mark.parametrize("name", ABSORBED)
def test_a_clip_to_the_value_range_goes(name: str) -> None:
    graph = ABSORBED[name]
    clean = absorb_clip(graph)
    assert clean.summary() == BASE
    assert clean.outputs == graph.outputs
    assert clean.nodes[0].op.activation == "NONE"
    assert clean.nodes[-1].output == graph.output.name
    assert set(clean.tensors) == {"x", "w", "b", clean.nodes[0].output, graph.output.name}


@pytest.mark.parametrize("name", KEPT)
def test_anything_else_stays(name: str) -> None:
    assert absorb_clip(KEPT[name]) == KEPT[name]


def test_a_clipped_tensor_that_something_else_reads_stays() -> None:
    graph = network(["relu", "shuffle"])
    shuffled = graph.output.name
    graph.append(ops.Add(), (shuffled, shuffled), Tensor("sum", graph.output.shape))
    graph.outputs = ("sum",)
    assert absorb_clip(graph).summary() == "CONV_2D RELU DEPTH_TO_SPACE ADD"


def test_the_source_graph_is_not_touched() -> None:
    graph = network(["shuffle", "relu", "min 255"])
    before = graph.copy()
    absorb_clip(graph)
    assert graph == before
