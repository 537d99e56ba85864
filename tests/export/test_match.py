"""The proof of another writer's file: names and order are free, everything else is not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.errors import VerificationError
from sr2tflite.export.match import prove_match
from sr2tflite.graph import Graph, ops, tflite
from sr2tflite.graph.model import Node
from sr2tflite.numerics.qparams import QuantParams, bias_params


def renamed(graph: Graph) -> Graph:
    """The same network as another tool writes it: other names, no notes."""
    names = {name: f"StatefulPartitionedCall/{index}" for index, name in enumerate(reversed(graph.tensors))}

    def other(old: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names[name] for name in old)

    return Graph(
        {names[name]: replace(tensor, name=names[name]) for name, tensor in graph.tensors.items()},
        [replace(node, inputs=other(node.inputs), outputs=other(node.outputs)) for node in graph.nodes],
        other(graph.inputs),
        other(graph.outputs),
        "main",
    )


def one_weight(graph: Graph) -> None:
    data = graph.tensors["body.1.weight"].data.copy()
    data[0, 0, 0, 0] = -data[0, 0, 0, 0] or 1
    graph.update("body.1.weight", data=data)


def one_ulp(graph: Graph, name: str) -> None:
    quant = graph.tensors[name].quant
    moved = float(np.nextafter(np.float32(quant.scale[0]), np.float32(9)))
    graph.update(name, quant=QuantParams((moved, *quant.scale[1:]), quant.zero_point, quant.axis))


def one_bias(graph: Graph) -> None:
    data = graph.tensors["tail.bias"].data.copy()
    data[3] += 1
    graph.update("tail.bias", data=data)


def no_relu(graph: Graph) -> None:
    graph.nodes[0] = Node(ops.Conv2D(), graph.nodes[0].inputs, graph.nodes[0].outputs)


def one_input_twice(graph: Graph) -> None:
    """An ADD that reads its second input twice, so that the trunk's convolutions are left over."""
    index = next(i for i, node in enumerate(graph.nodes) if isinstance(node.op, ops.Add))
    _, second = graph.nodes[index].inputs
    graph.nodes[index] = replace(graph.nodes[index], inputs=(second, second))


def ended_twice(graph: Graph) -> None:
    """A RELU behind the output."""
    output = graph.output
    graph.append(ops.Relu(), graph.outputs, replace(output, name="more"))
    graph.outputs = ("more",)


DIFFERENCES: dict[str, tuple[Callable[[Graph], None], str, str]] = {
    "weight": (one_weight, "CONV_2D body.1", "body.1.weight 1 of 576 values"),
    "activation's scale": (lambda graph: one_ulp(graph, "body.0"), "CONV_2D body.0", "body.0 is int8 with"),
    "weight's scale": (lambda graph: one_ulp(graph, "stem.weight"), "CONV_2D stem", "stem.weight is int8 with"),
    "bias": (one_bias, "CONV_2D tail", "tail.bias 1 of 27 values"),
    "fused activation": (no_relu, "CONV_2D stem", "expected Conv2D"),
    "one op more": (ended_twice, "DEPTH_TO_SPACE output", "is Relu"),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_one_difference_is_found_and_the_first_node_named(case: str) -> None:
    change, where, message = DIFFERENCES[case]
    graph = quantized_sr_graph(size=(6, 7))
    written = graph.copy()
    change(written)
    with pytest.raises(VerificationError, match=message) as caught:
        prove_match(tflite.write(renamed(written)), graph, "int8")
    assert caught.value.where == where


def test_of_two_differences_the_first_in_the_graph_is_named() -> None:
    graph = quantized_sr_graph(size=(6, 7))
    written = graph.copy()
    one_bias(written)
    one_weight(written)
    with pytest.raises(VerificationError) as caught:
        prove_match(tflite.write(renamed(written)), graph, "int8")
    assert caught.value.where == "CONV_2D body.1"


def test_an_input_read_twice_is_not_two_inputs() -> None:
    graph = quantized_sr_graph(size=(6, 7))
    written = graph.copy()
    one_input_twice(written)
    for file, wanted in ((written, graph), (graph, written)):
        with pytest.raises(VerificationError):
            prove_match(tflite.write(renamed(file)), wanted, "int8")


def test_equal_tensors_are_not_exchanged_for_each_other() -> None:
    """Two convolutions of one kind, both in use: only the wiring tells which of them a skip reads."""
    graph = quantized_sr_graph(size=(6, 7), depth=4)
    grid = graph.tensors["body.0"].quant
    assert grid is not None
    for name in ("body.1", "body.2", "body.3"):
        graph.update(name, quant=grid)
        node = graph.producer(name)
        assert node is not None
        weight, bias = (graph.tensors[f"body.1.{part}"] for part in ("weight", "bias"))
        assert weight.quant is not None
        biases = bias_params(grid.scale[0], weight.quant)
        for constant, source in zip(node.inputs[1:], (weight, replace(bias, quant=biases)), strict=True):
            graph.tensors[constant] = replace(source, name=constant)
    index = next(i for i, node in enumerate(graph.nodes) if isinstance(node.op, ops.Add))
    graph.nodes[index] = replace(graph.nodes[index], inputs=("body.3", "body.2"))
    prove_match(tflite.write(renamed(graph)), graph, "int8")
    written = graph.copy()
    written.nodes[index] = replace(graph.nodes[index], inputs=("body.3", "body.1"))
    with pytest.raises(VerificationError):
        prove_match(tflite.write(renamed(written)), graph, "int8")


@pytest.mark.parametrize("skip", ["none", "add", "concat", "nearest"])
@pytest.mark.parametrize("size", [(6, 7), (None, None)])
def test_other_names_and_order_are_the_same_network(skip: str, size: tuple[int | None, int | None]) -> None:
    graph = quantized_sr_graph(skip=skip, size=size)
    written = renamed(graph)
    if skip == "nearest":
        # the anchor reads the input alone: another writer may put it first
        anchor = next(node for node in written.nodes if written.tensors[node.inputs[1]].shape[1:3] == (1, 1))
        written.nodes.remove(anchor)
        written.nodes.insert(0, anchor)
    proof = prove_match(tflite.write(written), graph, "int8")
    assert (proof.float_ops, proof.scales) == ((), len(graph.nodes))


def test_another_size_is_not_the_file_asked_for() -> None:
    fixed, free = quantized_sr_graph(size=(6, 7)), quantized_sr_graph()
    with pytest.raises(VerificationError, match="shape"):
        prove_match(tflite.write(renamed(fixed)), free, "int8")


def test_float16_weights_are_the_graphs_rounded_and_nothing_else() -> None:
    graph = float_sr_graph(size=(6, 7))
    rounded = graph.copy()
    for name, tensor in graph.tensors.items():
        if tensor.data is not None:
            rounded.update(name, data=tensor.data.astype(np.float16).astype(np.float32))
    prove_match(tflite.write(renamed(rounded)), graph, "float16")
    for kind, written in (("float32", rounded), ("float16", graph)):
        with pytest.raises(VerificationError, match="values differ"):
            prove_match(tflite.write(renamed(written)), graph, kind)
