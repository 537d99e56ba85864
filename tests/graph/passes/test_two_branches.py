"""A split activation leaves the float function as it is, and what cannot be split is refused by name."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from kit.graphs import float_sr_graph

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, ops
from sr2tflite.graph.passes.two_branches import adjacent, splittable, two_branches
from sr2tflite.graph.validate import validate
from sr2tflite.torch_view import FloatView

PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 21, 17))).double()


def _output(graph: Graph) -> torch.Tensor:
    return FloatView(graph, torch.float64)(PIXELS)  # type: ignore[no-any-return]


@pytest.mark.parametrize("edge", [0.0, 3.5, 40.0, 1e6])
@pytest.mark.parametrize("skip", ["none", "add"])
def test_two_branches_are_the_same_float_function(skip: str, edge: float) -> None:
    graph = float_sr_graph(skip=skip, depth=4)  # type: ignore[arg-type]
    names = ["body.0", "body.2"]
    split = two_branches(graph, dict.fromkeys(names, edge))
    validate(split, "split")
    assert len(split.nodes) == len(graph.nodes) + 4 * len(names)
    # float64 with float32 biases: a lowered bias is rounded to float32 once more
    torch.testing.assert_close(_output(split), _output(graph), rtol=0, atol=1e-4)


def test_the_first_branch_ends_at_the_breakpoint_and_the_second_begins_there() -> None:
    values = FloatView(two_branches(float_sr_graph(), {"body.0": 10.0})).activations(PIXELS.float())
    assert float(values["body.0.dense"].max()) == 10
    whole, beyond = values["body.0"], values["body.0.outlier"]
    torch.testing.assert_close(beyond, (whole - 10).relu(), rtol=0, atol=1e-3)


def test_what_a_convolution_with_relu_writes_and_only_convolutions_read_can_be_split() -> None:
    graph = float_sr_graph(skip="add", depth=3)
    assert splittable(graph) == ["body.0", "body.1"]  # the stem and the last body are added
    assert adjacent(graph, "body.0") == {"stem", "body.1"}


REFUSED = {
    "read by a sum": (float_sr_graph(skip="add"), "stem", "is read by ADD"),
    "written by a sum": (float_sr_graph(skip="add"), "trunk", "is written by ADD"),
    "without a relu": (float_sr_graph(skip="nearest"), "anchor", "is written with activation NONE"),
    "not there": (float_sr_graph(), "nobody", "is not written by any op"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_split_is_refused_by_name(case: str) -> None:
    graph, name, reason = REFUSED[case]
    with pytest.raises(UnsupportedError) as refusal:
        two_branches(graph, {name: 1.0})
    assert refusal.value.where == name
    assert reason in refusal.value.message


def test_neighbors_are_not_both_split() -> None:
    with pytest.raises(UnsupportedError) as refusal:
        two_branches(float_sr_graph(skip="none", depth=3), {"body.1": 1.0, "body.0": 1.0})
    assert refusal.value.where == "body.1"


def test_a_reader_with_another_activation_is_refused() -> None:
    graph = float_sr_graph(skip="none", depth=3)
    node = graph.producer("body.1")
    assert node is not None
    graph.nodes[graph.nodes.index(node)] = replace(node, op=ops.Conv2D(activation="RELU6"))
    with pytest.raises(UnsupportedError, match="RELU6"):
        two_branches(graph, {"body.0": 1.0})
