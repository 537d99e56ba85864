"""An ADD of zero in place of clips that rescale, where no code is any different."""

from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kit.graphs import PIXELS, quantized_sr_graph
from kit.same_bytes import assert_same_bytes
from kit.tails import (
    NARROW,
    REAL,
    WIDE,
    float_island_tail,
    gathered_tail,
    with_tail,
)

from sr2tflite.graph import Graph, Node, Tensor, ops, tflite
from sr2tflite.graph.passes.rescale_by_sum import rescale_by_sum
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import Kernels, LiteRT

SIZE = (9, 14)


def sr(**settings: object) -> Graph:
    return quantized_sr_graph(size=SIZE, **settings)


def test_what_goes_is_named_as_the_file_names_it() -> None:
    assert rescale_by_sum(float_island_tail(sr(), REAL)).places == ("link0", "link2", "output")
    assert rescale_by_sum(gathered_tail(sr(), WIDE)).places == ("link2", "output")


def test_a_run_of_clips_of_which_the_first_alone_rescales_is_changed_as_far_as_that() -> None:
    graph = with_tail(sr(), wide=WIDE)
    level = graph.constant("gray", np.array([-20], np.int8), PIXELS)
    graph.nodes[-1] = replace(graph.nodes[-1], outputs=("floored",))
    graph.add_tensor(replace(graph.output, name="floored"))
    graph.nodes.append(Node(ops.Minimum(), ("floored", level), ("output",)))
    done = rescale_by_sum(graph)
    assert (done.graph.summary(), done.places) == ("CONV_2D×4 ADD×2 MINIMUM RESHAPE×2 TRANSPOSE", ("floored",))
    assert_same_bytes(graph, done.graph)


def test_clips_that_an_add_would_round_otherwise_are_told() -> None:
    (found,) = rescale_by_sum(with_tail(sr(), wide=NARROW)).declined
    assert (found.place, found.reason) == ("output", "an ADD of zero would round some codes otherwise")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([ops.Relu(), ops.Relu6()]),
    st.sampled_from(["int8", "uint8"]),
    st.floats(0.375, 9.0, width=32),
    st.floats(0.125, 2.0, width=32),
    st.tuples(st.integers(0, 255), st.integers(0, 255)),
)
def test_an_add_takes_the_place_of_a_clip_only_where_every_code_is_the_same(
    op: ops.Op, dtype: str, ratio: float, scale: float, zeros: tuple[int, int]
) -> None:
    low = -128 if dtype == "int8" else 0
    wide = QuantParams((float(np.float32(scale * ratio)),), (zeros[0] + low,))
    out = QuantParams((scale,), (zeros[1] + low,))
    assume(wide != out)
    image = Tensor("x", (1, 3, 256 + 11, 1), dtype, wide)  # every code in vectors, and some behind the last
    graph = Graph(inputs=("x",), outputs=("y",))
    graph.add_tensor(image)
    graph.append(op, ("x",), replace(image, name="y", quant=out))
    done = rescale_by_sum(graph)
    assert len(done.places) + len(done.declined) == 1
    codes = np.resize(np.arange(low, low + 256), image.shape).astype(dtype)
    for kernels in Kernels if done.places else ():
        outputs = [LiteRT(tflite.write(one), kernels).run(codes) for one in (graph, done.graph)]
        assert np.array_equal(*outputs), kernels
