"""A graph in pixel units computes 255 times what it computed in 0…1."""

import numpy as np
import pytest
import torch
from kit.graphs import float_sr_graph

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.passes.pixel_units import to_pixel_units
from sr2tflite.torch_view import FloatView

SHAPE = (1, None, None, 3)


def one_op(op: ops.Op, constant: float | None = None) -> Graph:
    graph = Graph(inputs=("x",), value_range=(0.0, 1.0))
    graph.add_tensor(Tensor("x", SHAPE))
    names = ["x"] if constant is None else ["x", graph.constant("c", np.float32([[[constant] * 3]]))]
    graph.append(op, names, Tensor("y", SHAPE))
    graph.outputs = ("y",)
    return graph


def two_of_a_kind() -> Graph:
    graph = Graph(inputs=("x",), value_range=(0.0, 1.0))
    graph.add_tensor(Tensor("x", SHAPE))
    graph.append(ops.Mul(), ("x", "x"), Tensor("y", SHAPE))
    graph.outputs = ("y",)
    return graph


SCALED = {
    "network with a skip": float_sr_graph(value_range=(0.0, 1.0)),
    "network with a concatenation": float_sr_graph(value_range=(0.0, 1.0), skip="concat"),
    "added constant": one_op(ops.Add(), 0.3),
    "subtracted constant": one_op(ops.Sub(), 0.3),
    "minimum": one_op(ops.Minimum(), 0.4),
    "maximum": one_op(ops.Maximum(), 0.4),
    "clip": one_op(ops.Relu0To1()),
    "slope": one_op(ops.LeakyRelu(0.1)),
    "slope per channel": one_op(ops.PRelu(), 0.25),
    "enlargement": one_op(ops.ResizeNearestNeighbor(2)),
}


def gated(*, conv: bool = True, other: ops.Op | None = None) -> Graph:
    """A sum of an image with itself through a gate: ``x·sigmoid(w·x + b)``, then perhaps another op of two."""
    graph = Graph(inputs=("x",), value_range=(0.0, 1.0))
    graph.add_tensor(Tensor("x", SHAPE))
    source = "x"
    if conv:
        weight = graph.constant("w", np.float32([[[[0.5, 1, -2]]], [[[3, -1, 0.1]]], [[[1, 1, 1]]]]))
        graph.append(
            ops.Conv2D(), ("x", weight, graph.constant("b", np.float32([0.1, -0.4, 0]))), Tensor("conv", SHAPE)
        )
        source = "conv"
    graph.append(ops.Logistic(), (source,), Tensor("gate", SHAPE))
    graph.append(ops.Mul("RELU"), ("x", "gate"), Tensor("gated", SHAPE))
    if other is not None:
        graph.append(other, ("gate", "gated"), Tensor("y", SHAPE))
    graph.outputs = (graph.nodes[-1].output,)
    return graph


SCALED |= {
    "sigmoid": one_op(ops.Logistic()),
    "bounded activation": one_op(ops.Add("RELU6"), 0.1),
    "two-sided activation": one_op(ops.Add("RELU_N1_TO_1"), 0.1),
    "clip at six": one_op(ops.Relu6()),
    "product": one_op(ops.Mul(), 0.5),
    "gate": gated(),
    "gate of the input": gated(conv=False),
    "sum of plain and pixels": gated(other=ops.Add()),
    "product of plain and pixels": gated(other=ops.Mul()),
    "square": two_of_a_kind(),
}
REFUSED = {
    "foreign op": (one_op(ops.Opaque("FANCY")), "op FANCY does not scale"),
}


@pytest.mark.parametrize("name", SCALED)
def test_the_output_is_255_times_as_large(name: str) -> None:
    graph = SCALED[name]
    pixels = to_pixel_units(graph)
    x = torch.rand(1, 3, 7, 5, dtype=torch.float64) * 1.5 - 0.2
    want = 255 * FloatView(graph, torch.float64)(x)
    assert pixels.value_range == (0.0, 255.0)
    torch.testing.assert_close(FloatView(pixels, torch.float64)(255 * x), want, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_scale_is_refused_by_name(name: str) -> None:
    graph, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=message):
        to_pixel_units(graph)


def test_a_convolution_before_a_gate_takes_the_division() -> None:
    assert to_pixel_units(gated()).summary() == "CONV_2D LOGISTIC MUL"
    assert to_pixel_units(gated(conv=False)).summary() == "MUL×2 LOGISTIC"


def test_a_graph_in_pixels_is_left_alone() -> None:
    graph = float_sr_graph()
    assert to_pixel_units(graph) == graph


def test_other_ranges_are_refused() -> None:
    graph = float_sr_graph()
    graph.value_range = (-1.0, 1.0)
    with pytest.raises(UnsupportedError, match="value range"):
        to_pixel_units(graph)


def test_the_source_graph_is_not_touched() -> None:
    graph = float_sr_graph(value_range=(0.0, 1.0))
    before = graph.copy()
    to_pixel_units(graph)
    assert graph == before
