"""The list of a file: its numbers by hand, and the same from the file's records as from the graph."""

import numpy as np
import pytest
from kit.one_op import CASES, CHANNELS, one_op_graph, quantized_one_op_graph

from sr2tflite.graph import Graph, Op, Tensor, ops, tflite
from sr2tflite.graph.listing import of_graph
from sr2tflite.graph.tflite.flat import open_model
from sr2tflite.graph.tflite.listing import listed


def _weighed(op: Op, x: tuple[int, ...], weight: tuple[int, ...], y: tuple[int, ...]) -> Graph:
    graph = Graph(inputs=("x",), outputs=("y",))
    graph.add_tensor(Tensor("x", x))
    graph.constant("w", np.zeros(weight, np.float32))
    bias = weight[-1] if isinstance(op, ops.DepthwiseConv2D) else weight[0]
    graph.constant("b", np.zeros(bias, np.float32))
    graph.append(op, ("x", "w", "b"), Tensor("y", y))
    return graph


# multiplications: values of the output, times what each is a sum of
COUNTED = {
    "a convolution": (ops.Conv2D(), (1, 5, 7, 4), (6, 3, 3, 4), (1, 5, 7, 6), (5 * 7 * 6) * (3 * 3 * 4)),
    "groups": (ops.Conv2D(), (1, 5, 7, 4), (6, 3, 3, 2), (1, 5, 7, 6), (5 * 7 * 6) * (3 * 3 * 2)),
    "a stride": (ops.Conv2D((2, 2)), (1, 6, 8, 4), (6, 3, 3, 4), (1, 3, 4, 6), (3 * 4 * 6) * (3 * 3 * 4)),
    "depthwise": (ops.DepthwiseConv2D(), (1, 5, 7, 4), (1, 3, 3, 4), (1, 5, 7, 4), (5 * 7 * 4) * (3 * 3)),
    # every input value meets the whole weight of its channel
    "transposed": (ops.TransposeConv(), (1, 5, 7, 4), (6, 3, 3, 4), (1, 10, 14, 6), (5 * 7 * 4) * (3 * 3 * 6)),
    "a matrix": (ops.FullyConnected(), (3, 8), (6, 8), (3, 6), (3 * 6) * 8),
}


@pytest.mark.parametrize("case", COUNTED)
def test_macs_are_counted(case: str) -> None:
    *shapes, wanted = COUNTED[case]
    graph = _weighed(*shapes)
    listing = of_graph(graph)
    assert listing.macs(listing.ops[0]) == wanted
    read, _, refusal = listed(open_model(tflite.write(graph), "m"), "m")
    assert (read.macs(read.ops[0]), refusal) == (wanted, None)


@pytest.mark.parametrize("make", [one_op_graph, quantized_one_op_graph])
@pytest.mark.parametrize("case", CASES)
def test_a_file_is_listed_as_its_graph(case: str, make: object) -> None:
    graph = make(case)  # type: ignore[operator]
    mine = of_graph(graph)
    read, back, _ = listed(open_model(tflite.write(graph), "m"), "m")
    assert back is not None
    assert (read.inputs, read.outputs, read.foreign) == (mine.inputs, mine.outputs, ())
    assert [op.kind for op in read.ops] == [op.kind for op in mine.ops]
    assert [read.macs(op) for op in read.ops] == [mine.macs(op) for op in mine.ops]
    assert read.memory_peak() == mine.memory_peak()
    for name, tensor in mine.tensors.items():
        found = read.tensors[name]
        assert (found.shape, found.dtype, found.size_bytes) == (tensor.shape, tensor.dtype, tensor.size_bytes)


def test_free_sizes_leave_numbers_open() -> None:
    listing = of_graph(one_op_graph("conv", height=None, width=None))
    assert (listing.macs(listing.ops[0]), listing.memory_peak(), listing.parameters) == (
        None,
        None,
        6 * 9 * CHANNELS + 6,
    )
