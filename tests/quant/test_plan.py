"""Which tensors share parameters, and what is refused."""

import numpy as np
import pytest
from kit.graphs import float_sr_graph

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.quant.plan import plan_quantization


def with_tail(op: ops.Op, constant: float | None = None, shape: tuple[int, ...] = (1,)) -> Graph:
    """A small network with an op put between its trunk and nothing."""
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    names = ["x"] if constant is None else ["x", graph.constant("c", np.full(shape, constant, np.float32))]
    graph.append(op, names, Tensor("y", (1, None, None, 3)))
    graph.outputs = ("y",)
    return graph


REFUSED = {
    "a gate at the end": (with_tail(ops.Logistic()), "op LOGISTIC writes steps of 1/256"),
    "a foreign op": (with_tail(ops.Opaque("FANCY")), "op FANCY cannot be quantized"),
    "a constant that makes channels": (with_tail(ops.Add(), 3.0, (1, 1, 4)), "ADD with a constant"),
    "a constant image": (with_tail(ops.Mul(), 3.0, (1, 2, 1, 3)), "MUL with a constant"),
    "a moved constant": (with_tail(ops.Concatenation(), 3.0, (1, 1, 1, 3)), "CONCATENATION with such constant"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_quantized_is_refused_by_name(name: str) -> None:
    graph, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=message):
        plan_quantization(graph)


def test_input_and_output_are_fixed_and_the_shuffle_ties_its_input_to_the_output() -> None:
    plan = plan_quantization(float_sr_graph())
    graph = plan.graph
    source = graph.nodes[-1].inputs[0]
    assert plan.groups[plan.group_of[graph.input.name]].fixed
    assert plan.groups[plan.group_of[source]].tensors == (source, graph.output.name)
    assert plan.groups[plan.group_of[source]].fixed


def test_concatenated_tensors_share_their_parameters() -> None:
    plan = plan_quantization(float_sr_graph(skip="concat"))
    (node,) = (node for node in plan.graph.nodes if node.op.kind == "CONCATENATION")
    assert len({plan.group_of[name] for name in (*node.inputs, node.output)}) == 1


def test_only_groups_that_are_all_relu_start_at_zero() -> None:
    plan = plan_quantization(float_sr_graph())
    for group in plan.groups:
        writers = [plan.graph.producer(name) for name in group.tensors]
        rectified = [getattr(node.op, "activation", "NONE") == "RELU" if node else False for node in writers]
        assert group.nonnegative == all(rectified)
