import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.errors import InputError, VerificationError
from sr2tflite.export.proof import prove
from sr2tflite.graph import Graph, ops, tflite
from sr2tflite.graph.model import Node
from sr2tflite.graph.passes.file_io import with_io


def one_weight(graph: Graph) -> None:
    data = graph.tensors["body.1.weight"].data.copy()
    data[0, 0, 0, 0] = -data[0, 0, 0, 0] or 1
    graph.update("body.1.weight", data=data)


def one_scale(graph: Graph) -> None:
    quant = graph.tensors["trunk"].quant
    next_float = float(np.nextafter(np.float32(quant.scale[0]), np.float32(9)))
    graph.update("trunk", quant=type(quant)((next_float,), quant.zero_point))


def one_bias(graph: Graph) -> None:
    data = graph.tensors["tail.bias"].data.copy()
    data[3] += 1
    graph.update("tail.bias", data=data)


def one_activation(graph: Graph) -> None:
    graph.nodes[0] = Node(ops.Conv2D(), graph.nodes[0].inputs, graph.nodes[0].outputs)


DIFFERENCES = {
    "weight": (one_weight, "body.1.weight", "1 of 576 values"),
    "scale": (one_scale, "trunk", "scale or zero point"),
    "bias": (one_bias, "tail.bias", "1 of 27 values"),
    "activation": (one_activation, "sr", "CONV_2D stem differs"),
    "free_text": (lambda graph: graph.metadata.update(student="other"), "sr", "metadata"),
    "extra": (lambda graph: graph.constant("extra", np.ones(1, np.float32)), "extra", "not in the graph"),
    "missing": (lambda graph: graph.tensors.pop("left over"), "left over", "missing"),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_one_difference_is_found_and_named(case: str):
    change, where, message = DIFFERENCES[case]
    graph = quantized_sr_graph(size=(6, 7))
    graph.constant("left over", np.ones(1, np.float32))
    written = graph.copy()
    change(written)
    with pytest.raises(VerificationError, match=message) as caught:
        prove(tflite.write(written), graph)
    assert caught.value.where == where
    assert caught.value.exit_status == 5


def test_damaged_bytes_are_no_proof():
    graph = quantized_sr_graph()
    with pytest.raises(InputError):
        prove(tflite.write(graph)[:1000], graph)


def test_the_line_says_what_is_equal():
    graph = quantized_sr_graph(depth=2)
    assert prove(tflite.write(graph), graph).line() == (
        "scales 6/6 equal, weights equal, biases equal, integer ops 6/6, float ops 0, ops CONV_2D×4 ADD DEPTH_TO_SPACE"
    )


def test_uint8_ends_are_integer_ops():
    graph = with_io(quantized_sr_graph(depth=2), "uint8")
    proof = prove(tflite.write(graph), graph)
    assert (proof.scales, proof.integer_ops, proof.float_ops) == (8, 8, ())
    assert proof.summary == "QUANTIZE×2 CONV_2D×4 ADD DEPTH_TO_SPACE"


def test_float_ends_are_float_ops():
    graph = with_io(quantized_sr_graph(depth=2), "float32")
    assert prove(tflite.write(graph), graph).line() == (
        "scales 7/7 equal, weights equal, biases equal, integer ops 6/8, float ops 2 (QUANTIZE, DEQUANTIZE), "
        "ops QUANTIZE CONV_2D×4 ADD DEPTH_TO_SPACE DEQUANTIZE"
    )


def test_a_float_file_is_proved_too():
    graph = float_sr_graph(depth=0)
    proof = prove(tflite.write(graph), graph)
    assert (proof.scales, proof.weights, proof.integer_ops) == (0, 2, 0)
    assert proof.float_ops == ("CONV_2D", "ADD", "CONV_2D", "DEPTH_TO_SPACE")
