"""No two nodes share a constant afterwards."""

from dataclasses import replace

import numpy as np

from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.passes.own_constants import own_constants

SHAPE = (1, None, None, 3)


def shared() -> Graph:
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", SHAPE))
    constant = graph.constant("c", np.float32([1, 2, 3]))
    graph.append(ops.Mul(), ("x", constant), Tensor("product", SHAPE))
    graph.append(ops.Add(), ("product", constant), Tensor("sum", SHAPE))
    graph.append(ops.Sub(), ("sum", "product"), Tensor("y", SHAPE))
    graph.outputs = ("y",)
    return graph


def test_the_first_reader_keeps_the_constant_and_the_others_get_copies() -> None:
    graph = shared()
    own = own_constants(graph)
    assert [node.inputs for node in own.nodes] == [("x", "c"), ("product", "c_of_sum"), ("sum", "product")]
    assert own.tensors["c_of_sum"].data.tobytes() == own.tensors["c"].data.tobytes()
    assert graph == shared()


def test_a_node_that_reads_a_constant_often_gets_as_many() -> None:
    graph = shared()
    graph.nodes[0] = replace(graph.nodes[0], op=ops.Concatenation(), inputs=("x", "c", "c", "c"))
    own = own_constants(graph)
    assert own.nodes[0].inputs == ("x", "c", "c_of_product", "c_of_product'")


def test_what_is_not_shared_stays_as_it_is() -> None:
    own = own_constants(shared())
    assert own_constants(own) == own
