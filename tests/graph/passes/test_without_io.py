import pytest
from kit.graphs import quantized_sr_graph

from sr2tflite.graph import Node, Tensor, ops
from sr2tflite.graph.passes.file_io import with_io, without_io


@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
def test_what_is_put_at_the_ends_can_be_taken_away_again(io):
    graph = quantized_sr_graph()
    assert without_io(with_io(graph, io)) == graph


def test_an_input_that_is_read_elsewhere_too_keeps_its_quantize():
    graph = with_io(quantized_sr_graph(), "uint8")
    again = Tensor("again", graph.tensors["input"].shape, "int8", graph.tensors["input"].quant)
    graph.tensors["again"] = again
    graph.nodes.insert(1, Node(ops.Quantize(), graph.inputs, ("again",)))
    assert without_io(graph).inputs == graph.inputs
