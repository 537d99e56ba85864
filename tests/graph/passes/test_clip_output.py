import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import tflite
from sr2tflite.graph.passes.clip_output import with_clipped_output
from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.graph.validate import validate
from sr2tflite.runtime import LiteRT


def test_the_output_is_the_same_between_black_and_white_and_bounded_outside():
    graph = float_sr_graph()
    image = np.random.default_rng(0).uniform(0, 255, (1, 9, 11, 3)).astype(np.float32)
    clipped = with_clipped_output(graph)
    before, after = (LiteRT(tflite.write(one)).run(image) for one in (graph, clipped))
    assert before.max() > 255 > before.min()
    np.testing.assert_array_equal(after, before.clip(0, 255))


def test_an_output_that_is_read_inside_too_is_bounded_at_the_end_only():
    graph = float_sr_graph(depth=0)
    graph.outputs = ("tail",)
    clipped = with_clipped_output(graph)
    assert [node.outputs for node in clipped.nodes][-2:] == [("tail_rectified",), ("tail",)]
    assert ("tail_unbounded",) in [node.inputs for node in clipped.nodes if node.op.kind == "DEPTH_TO_SPACE"]


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
