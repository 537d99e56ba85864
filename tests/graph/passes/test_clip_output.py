import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Tensor, ops, tflite
from sr2tflite.graph.passes.clip_before_shuffle import clip_before_shuffle
from sr2tflite.graph.passes.clip_output import with_clipped_output
from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.graph.validate import validate
from sr2tflite.runtime import LiteRT


def without_shuffle(graph: Graph) -> Graph:
    graph.nodes.pop()
    graph.outputs = ("tail",)
    return graph


def shuffled_and_more(graph: Graph) -> Graph:
    """Ends in an op that has no fused activation."""
    graph.append(ops.LeakyRelu(0.5), graph.outputs, Tensor("leaky", graph.output.shape))
    graph.outputs = ("leaky",)
    return graph


def shuffled_and_read(graph: Graph) -> Graph:
    """The tensor before DEPTH_TO_SPACE serves the output's other half as well."""
    graph.append(ops.DepthToSpace(3), ("tail",), Tensor("again", graph.output.shape))
    graph.append(ops.Add(), ("output", "again"), Tensor("sum", graph.output.shape))
    graph.outputs = ("sum",)
    return graph


TAILS = {
    "shuffle": (lambda graph: graph, ["CONV_2D", "MINIMUM", "DEPTH_TO_SPACE"]),
    "conv": (without_shuffle, ["ADD", "CONV_2D", "MINIMUM"]),
    "leaky": (shuffled_and_more, ["LEAKY_RELU", "RELU", "MINIMUM"]),
    "read twice": (shuffled_and_read, ["DEPTH_TO_SPACE", "ADD", "MINIMUM"]),
}
"""Where the network ends → its last ops once it is bounded, and bounded before it is shuffled."""


@pytest.mark.parametrize("case", TAILS)
def test_the_output_is_the_same_between_black_and_white_and_bounded_outside(case: str):
    change, kinds = TAILS[case]
    graph = change(float_sr_graph(depth=1))
    image = np.random.default_rng(0).uniform(0, 255, (1, 9, 11, 3)).astype(np.float32)
    clipped = with_clipped_output(graph)
    moved = clip_before_shuffle(clipped)
    assert [node.op.kind for node in clipped.nodes][-2:] == ["RELU", "MINIMUM"]
    assert [node.op.kind for node in moved.nodes][-3:] == kinds
    before, after, last = (LiteRT(tflite.write(one)).run(image) for one in (graph, clipped, moved))
    assert before.max() > 255
    assert before.min() < 0
    np.testing.assert_array_equal(after, before.clip(0, 255))
    np.testing.assert_array_equal(last, after)


def test_a_graph_without_a_clip_behind_the_shuffle_stays_as_it_is():
    graph = float_sr_graph()
    assert clip_before_shuffle(graph) == graph


def test_a_shuffled_image_that_is_read_twice_keeps_its_clip_behind_it():
    graph = with_clipped_output(float_sr_graph(depth=0))
    graph.append(ops.Add(), ("output_unbounded", "output"), Tensor("sum", graph.output.shape))
    graph.outputs = ("sum",)
    assert clip_before_shuffle(graph) == graph


def test_a_range_that_does_not_begin_at_black_is_refused():
    with pytest.raises(UnsupportedError, match="black"):
        with_clipped_output(float_sr_graph(value_range=(-1, 1)))


def test_dequantized_constants_are_the_integers_real_values():
    graph = quantized_sr_graph()
    real = dequantized(graph)
    validate(real, "real")
    assert not real.is_quantized
    for name, tensor in graph.tensors.items():
        if tensor.data is not None:
            scale, zero_point = tensor.quant.broadcast(tensor.data.ndim)
            wanted = scale.astype(np.float64) * (tensor.data.astype(np.int64) - zero_point)
            np.testing.assert_array_equal(real.tensors[name].data, wanted.astype(np.float32))
