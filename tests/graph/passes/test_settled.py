"""Sizes that a graph computes are numbers once its input's are."""

from dataclasses import replace

import pytest
from kit.graphs import quantized_sr_graph
from kit.tails import with_computed_shapes, with_tail

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import Graph, ops, tflite
from sr2tflite.graph.passes.settled import settled
from sr2tflite.graph.shapes import with_size

SIZE = (9, 14)


def tailed() -> Graph:
    return with_tail(quantized_sr_graph(size=SIZE))


def free() -> Graph:
    return tflite.read(with_computed_shapes(tailed()), "free.tflite")


def test_a_graph_whose_sizes_are_known_stays_as_it_is() -> None:
    graph = tailed()
    assert settled(graph, graph.input.shape) == graph


def test_computed_shapes_are_attributes_at_one_size() -> None:
    found = settled(free(), (1, *SIZE, 3))
    assert found.summary() == tailed().summary()
    assert [node.op for node in found.nodes] == [node.op for node in tailed().nodes]
    assert {name: one.shape for name, one in found.tensors.items()} == {
        name: one.shape for name, one in tailed().tensors.items()
    }
    assert settled(free(), (1, 5, 8, 3)).output.shape == (1, 15, 24, 3)


def test_a_free_graph_gets_the_shapes_that_follow() -> None:
    graph = quantized_sr_graph()
    assert settled(graph, (1, *SIZE, 3)) == with_size(graph, *SIZE)


def test_an_op_outside_the_set_that_reads_a_size_is_named() -> None:
    graph = free()
    index = next(i for i, node in enumerate(graph.nodes) if isinstance(node.op, ops.Transpose))
    graph.nodes[index] = replace(graph.nodes[index], op=ops.Opaque("REVERSE_V2"))
    with pytest.raises(UnsupportedError, match="what REVERSE_V2 makes of a size") as caught:
        settled(graph, (1, *SIZE, 3))
    assert caught.value.where == "woven"


def test_an_image_that_a_convolution_leaves_nothing_of_is_refused() -> None:
    graph = quantized_sr_graph()
    graph.nodes[0] = replace(graph.nodes[0], op=ops.Conv2D(padding="VALID"))
    with pytest.raises(InputError, match=r"would have shape \(1, 0, 7, 8\) of an input \(1, 2, 9, 3\)"):
        settled(graph, (1, 2, 9, 3))


def test_a_shape_of_another_rank_than_declared_is_refused() -> None:
    graph = free()
    (shape,) = (node.output for node in graph.nodes if node.op == ops.Opaque("SHAPE"))
    graph.update(shape, shape=(6,))
    with pytest.raises(InputError, match=r"SHAPE makes 4 numbers of a shape; expected \(6,\)"):
        settled(graph, (1, *SIZE, 3))
