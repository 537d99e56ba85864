"""The peak of activation memory: by hand, and against the arena that LiteRT really takes."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given
from hypothesis import strategies as st
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.memory_peak import Peak, Step, memory_peak, peak
from sr2tflite.graph.shapes import with_size

ALIGNMENT = 64


def test_a_chain_needs_what_one_op_reads_and_writes() -> None:
    graph = quantized_sr_graph(channels=8, depth=2, scale=3, skip="none", size=(10, 20))
    # the tail reads 8 channels and writes 27, DEPTH_TO_SPACE reads and writes 27 channels' worth
    assert memory_peak(graph) == Peak(200 * 54, 4, ("tail", "output"))


def test_a_skip_is_held_until_it_is_read() -> None:
    graph = quantized_sr_graph(channels=32, depth=2, scale=3, skip="add", size=(10, 20))
    # stem, body.0, body.1 at the second op of the body; the sum needs three maps too, and comes later
    assert memory_peak(graph) == Peak(200 * 96, 2, ("stem", "body.0", "body.1"))


def test_floats_take_four_times_as_much() -> None:
    sizes = [
        memory_peak(make(channels=16, depth=2, scale=2, skip="add", size=(8, 8))).size_bytes
        for make in (quantized_sr_graph, float_sr_graph)
    ]
    assert sizes[1] == 4 * sizes[0]


def test_a_free_size_has_no_bytes() -> None:
    with pytest.raises(InputError, match="without free sizes"):
        memory_peak(quantized_sr_graph())


def test_a_graph_without_ops_holds_its_inputs() -> None:
    assert peak([], ["x", "y"], ["x"], {"x": 3, "y": 4}.__getitem__) == Peak(7, None, ("x", "y"))


def test_what_nobody_reads_is_gone_after_its_op() -> None:
    steps = [Step(["x"], ["a", "b"]), Step(["a"], ["c"]), Step(["c"], ["y"])]
    assert peak(steps, ["x"], ["y"], lambda _: 1) == Peak(3, 0, ("x", "a", "b"))


@st.composite
def _programs(draw: st.DrawFn) -> tuple[list[Step[int]], list[int], dict[int, int]]:
    count = draw(st.integers(1, 8))
    steps = [Step(draw(st.lists(st.integers(0, index), min_size=1, max_size=3)), [index + 1]) for index in range(count)]
    outputs = draw(st.lists(st.integers(1, count), min_size=1, max_size=2))
    sizes = {index: draw(st.integers(0, 50)) for index in range(count + 1)}
    return steps, outputs, sizes


@given(_programs())
def test_the_peak_is_the_largest_sum_over_lives(program: tuple[list[Step[int]], list[int], dict[int, int]]) -> None:
    """The definition, said the other way round: for every op, who was born and will still be read?"""
    steps, outputs, sizes = program

    def lives(name: int, at: int) -> bool:
        read = [index for index, step in enumerate(steps) if name in step.reads]
        end = len(steps) if name in outputs or (name == 0 and not read) else max(read, default=name - 1)
        return name - 1 <= at <= end

    sums = [sum(size for name, size in sizes.items() if lives(name, at)) for at in range(-1, len(steps))]
    sums[0] = sizes[0]  # before the first op there are the inputs
    assert peak(steps, [0], outputs, sizes.__getitem__).size_bytes == max(sums)


def _arena_bytes(graph: Graph, resolver: OpResolverType) -> int:
    """From the first byte of the first activation to the last of the last, as LiteRT has placed them."""
    engine = Interpreter(model_content=tflite.write(graph), experimental_op_resolver_type=resolver)
    engine.allocate_tensors()
    constants = {tensor.name for tensor in graph.tensors.values() if tensor.is_constant}
    views = [engine.tensor(one["index"])() for one in engine.get_tensor_details() if one["name"] not in constants]
    starts = [view.ctypes.data for view in views]
    return max(start + view.nbytes for start, view in zip(starts, views, strict=True)) - min(starts)


@pytest.mark.parametrize("skip", ["none", "concat"])
@pytest.mark.parametrize("size", [(16, 20), (33, 47)])
@pytest.mark.parametrize("make", [quantized_sr_graph, float_sr_graph])
def test_litert_needs_the_peak_and_its_input(make: object, size: tuple[int, int], skip: str) -> None:
    graph = with_size(make(channels=8, depth=3, skip=skip), *size)  # type: ignore[operator]
    least = memory_peak(graph).size_bytes
    arena = _arena_bytes(graph, OpResolverType.BUILTIN_REF)
    kept = int(np.prod(graph.input.shape)) * (1 if graph.is_quantized else 4)
    gaps = ALIGNMENT * sum(not one.is_constant for one in graph.tensors.values())
    assert least <= arena <= least + kept + gaps


def test_litert_writes_a_sum_over_what_it_reads() -> None:
    """Its arena may be smaller than the peak by one map of the sum; by no more."""
    graph = with_size(quantized_sr_graph(channels=64, depth=1, skip="add"), 16, 16)
    least, (height, width) = memory_peak(graph).size_bytes, graph.input.shape[1:3]
    arena = _arena_bytes(graph, OpResolverType.BUILTIN_REF)
    assert least - height * width * 64 <= arena < least


def test_the_builtin_kernels_take_scratch_beside_it() -> None:
    graph = with_size(quantized_sr_graph(channels=8, depth=3, skip="none"), 32, 32)
    arena = _arena_bytes(graph, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    assert arena > 9 * 8 * 32 * 32 + 8 * 32 * 32  # im2col of a 3×3 kernel, and a map
