"""Moves that are followed: at the file's size, at two where it is free, and what is not followed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.same_bytes import assert_same_bytes
from kit.tails import (
    REAL,
    WIDE,
    channels_first_tail,
    float_island_tail,
    there_and_back,
    with_computed_shapes,
    with_tail,
)

from sr2tflite.graph import Graph, Tensor, ops, tflite
from sr2tflite.graph.passes.shuffle_moves import MOST_VALUES, shuffle_moves
from sr2tflite.graph.shapes import output_shape
from sr2tflite.runtime import Kernels, LiteRT

SIZE = (9, 14)


def sr(**settings: object) -> Graph:
    return quantized_sr_graph(size=SIZE, **settings)


def test_what_goes_is_named_as_the_file_names_it() -> None:
    chain = ("link0", "link3", "link4", "link6", "link7", "link8", "output")
    assert shuffle_moves(channels_first_tail(sr())).places == chain
    assert shuffle_moves(float_island_tail(sr(), REAL)).places == ("link1",)


def moves(graph: Graph, *chain: ops.Op) -> Graph:
    """Moves behind everything."""
    result = graph.copy()
    for index, op in enumerate(chain):
        name = result.outputs[0]
        result.append(op, (name,), Tensor(f"moved{index}", (), result.tensors[name].dtype, result.tensors[name].quant))
        result.update(f"moved{index}", shape=output_shape(result, result.nodes[-1]))
        result.outputs = (f"moved{index}",)
    return result


def test_a_free_size_is_followed_at_two_sizes_and_free_again() -> None:
    free = there_and_back(quantized_sr_graph())
    done = shuffle_moves(free)
    assert (done.graph.summary(), done.declined) == ("CONV_2D×4 ADD DEPTH_TO_SPACE", ())
    assert done.graph.output.shape == (1, None, None, 3)


def test_shapes_that_are_computed_of_the_image_are_followed_too() -> None:
    before = tflite.read(with_computed_shapes(with_tail(sr(), wide=WIDE)), "free.tflite")
    assert "SHAPE STRIDED_SLICE×4 MUL×4 PACK×2 RESHAPE×2 TRANSPOSE RELU" in before.summary()
    done = shuffle_moves(before)
    assert done.graph.summary() == "CONV_2D×4 ADD DEPTH_TO_SPACE RELU"
    assert done.places[:3] == ("apart", "woven", "whole")
    gone = {node.output for node in before.nodes if node.output not in {one.output for one in done.graph.nodes}}
    assert gone <= set(done.places)
    fixed = LiteRT(tflite.write(with_tail(sr(), wide=WIDE)))
    x = np.random.default_rng(0).integers(-128, 128, (1, *SIZE, 3)).astype(np.int8)
    assert np.array_equal(LiteRT(tflite.write(done.graph)).run(x), fixed.run(x))


def test_what_is_another_op_at_another_size_stays() -> None:
    # 9×14 pixels of 27 channels are shuffled by 3, or their channels split, as the size written into the op has it
    graph = there_and_back(with_tail(sr()))
    sized = graph.tensors["apart"].shape
    free = tflite.read(with_computed_shapes(graph), "free.tflite")
    index = next(i for i, node in enumerate(free.nodes) if node.output == "apart")
    free.nodes[index] = replace(free.nodes[index], op=ops.Reshape(sized), inputs=free.nodes[index].inputs[:1])
    done = shuffle_moves(free)
    assert done.places == ()
    assert [one.reason.startswith("cannot give") for one in done.declined] == [True]


def test_too_large_an_image_is_not_followed() -> None:
    side = int(np.sqrt(MOST_VALUES / 8)) + 1
    large = there_and_back(quantized_sr_graph(size=(side, side)))
    assert [one.reason.endswith("are followed") for one in shuffle_moves(large).declined] == [True]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_of_channels_before_a_shuffle_is_undone(data: st.DataObject) -> None:
    graph = sr(skip=data.draw(st.sampled_from(["none", "add", "concat", "nearest"])), seed=data.draw(st.integers(0, 9)))
    order = data.draw(st.permutations([1, 2, 3]))
    # height, width, and the three factors of the 27 channels in any order
    chain = [ops.Reshape((1, *SIZE, 3, 3, 3))]
    i, j, c = (order.index(one) + 3 for one in (1, 2, 3))
    chain += [ops.Transpose((0, 1, i, 2, j, c)), ops.Reshape((1, 3 * SIZE[0], 3 * SIZE[1], 3))]
    graph = graph.copy()
    shuffle = graph.nodes.pop()
    graph.outputs = (shuffle.inputs[0],)
    del graph.tensors[shuffle.output]
    before = moves(graph, *chain)
    done = shuffle_moves(before)
    assert "TRANSPOSE" not in done.graph.summary()
    assert_same_bytes(before, done.graph)


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        ((ops.Transpose((0, 2, 1, 3)),), "is no shuffle of pixels"),
        ((ops.Reshape((1, 42, 27, 3)),), "is no shuffle of pixels"),
        ((ops.Reshape((1, 27 * 42 * 3)),), "goes from 4 dimensions to 2"),
    ],
)
def test_moves_that_are_no_shuffle_stay_and_are_told(chain: tuple[ops.Op, ...], reason: str) -> None:
    sized = moves(sr(skip="none"), *chain)
    done = shuffle_moves(sized)
    assert done.places == ()
    assert [one.reason.startswith(reason) for one in done.declined] == [True]
    assert done.graph.summary() == sized.summary()


def test_in_floats_the_kernels_may_sum_in_another_order() -> None:
    before = with_tail(float_sr_graph(size=SIZE))
    done = shuffle_moves(before)
    assert done.graph.summary() == "CONV_2D×4 ADD DEPTH_TO_SPACE"
    assert_same_bytes(before, done.graph, (Kernels.XNNPACK, Kernels.REFERENCE))
