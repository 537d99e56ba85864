"""Quantized graphs of one op that pads, cuts, splits or turns, with drawn shapes and attributes."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from kit.integer_ops import Case, Size, codes, constant, exponent, graph_of, params
from kit.integer_ops import shape as image_shape

from sr2tflite.graph import Graph, Node, Op, Tensor, ops
from sr2tflite.graph.shapes import output_shape
from sr2tflite.numerics.qparams import QuantParams

Shape = tuple[int, ...]


@st.composite
def any_shape(draw: st.DrawFn, size: Size, ranks: st.SearchStrategy[int]) -> Shape:
    """A shape of any rank; its first axes are short."""
    image = (draw(st.integers(size.least, size.height)), draw(st.integers(size.least, size.width)))
    rank = draw(ranks) if size.least == 1 else max(draw(ranks), 3)
    lead = tuple(draw(st.integers(1, 3)) for _ in range(max(rank - 3, 0)))
    return (*lead, *image, draw(st.integers(1, size.channels)))[-rank:]


@st.composite
def paddings(draw: st.DrawFn, shape: Shape) -> tuple[tuple[int, int], ...]:
    width = st.sampled_from([0, 0, 1, 3])
    return tuple((draw(width), draw(width)) for _ in shape)


@st.composite
def another_shape(draw: st.DrawFn, shape: Shape) -> Shape:
    """The sizes' factors, regrouped; perhaps −1 for one of them."""
    left, found = int(np.prod(shape)), []
    for _ in range(draw(st.integers(0, 4))):
        found.append(draw(st.sampled_from([n for n in range(1, min(left, 64) + 1) if left % n == 0])))
        left //= found[-1]
    found.insert(draw(st.integers(0, len(found))), left)
    if draw(st.booleans()):
        found[draw(st.integers(0, len(found) - 1))] = -1
    return tuple(found)


@st.composite
def slicing(draw: st.DrawFn, shape: Shape) -> ops.StridedSlice:
    """Any part that is not empty, forwards and backwards, its ends often counted from behind or far outside."""
    begin, end, strides, shrink = [], [], [], 0
    for axis, size in enumerate(shape):
        first, last = sorted((draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))))
        stride = draw(st.sampled_from([1, 1, 2, 3, -1, -2]))
        if draw(st.integers(0, 5)) == 0 and len(shape) - shrink.bit_count() > 1:
            shrink |= 1 << axis
            stride = 1
        start, stop = (first, last + 1) if stride > 0 else (last, first - 1)
        far = draw(st.booleans())
        begin.append(start - size if draw(st.booleans()) else start)
        end.append((-size - 5 if far else -size - 1) if stop < 0 else size + 5 if far and stop == size else stop)
        strides.append(stride)
    masks = draw(st.tuples(*[st.integers(0, 2 ** len(shape) - 1)] * 2))
    return ops.StridedSlice(*map(tuple, (begin, end, strides)), masks[0] & ~shrink, masks[1], shrink)


@st.composite
def gathering(draw: st.DrawFn, shape: Shape) -> ops.Gather:
    """Some values along an axis, often all of them in another order."""
    axis = draw(st.integers(0, len(shape) - 1))
    order = draw(st.permutations(range(shape[axis])))
    some = st.lists(st.sampled_from(order), min_size=1, max_size=2 * len(order))
    return ops.Gather(tuple(order if draw(st.booleans()) else draw(some)), axis)


def split_graph(op: ops.Split, x: Tensor, dtype: str) -> Graph:
    """The parts, joined again in another order; the output of the whole."""
    graph = Graph(name="one", inputs=("x",), outputs=("y",))
    graph.add_tensor(x)
    names = tuple(f"part{index}" for index in range(op.parts))
    graph.nodes.append(Node(op, ("x",), names))
    for name in names:
        graph.add_tensor(Tensor(name, output_shape(graph, graph.nodes[0]), dtype, x.quant))
    graph.append(ops.Concatenation(op.axis), names[::-1], Tensor("y", x.shape, dtype, x.quant))
    return graph


@st.composite
def layout(draw: st.DrawFn, op: str, size: Size, dtype: str) -> Case:
    """One of the ops that this file is about."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    quant = draw(params(dtype))
    shape = draw(any_shape(size, st.integers(1, 5) if op != "PADV2" else st.integers(1, 4)))
    if op == "SPLIT":
        parts, axis = draw(st.integers(1, 4)), draw(st.integers(0, len(shape) - 1))
        shape = tuple(length * parts if i == axis else length for i, length in enumerate(shape))
        graph = split_graph(ops.Split(axis, parts), Tensor("x", shape, dtype, quant), dtype)
        return Case(graph, codes(rng, shape, dtype))
    constants = [constant("c", codes(rng, (1,), dtype), quant)] if op == "PADV2" else []
    made: dict[str, Callable[[], Op]] = {
        "PAD": lambda: ops.Pad(draw(paddings(shape))),
        "PADV2": lambda: ops.PadV2(draw(paddings(shape))),
        "RESHAPE": lambda: ops.Reshape(draw(another_shape(shape))),
        "TRANSPOSE": lambda: ops.Transpose(tuple(draw(st.permutations(range(len(shape)))))),
        "GATHER": lambda: draw(gathering(shape)),
        "STRIDED_SLICE": lambda: draw(slicing(shape)),
    }
    graph = graph_of(made[op](), Tensor("x", shape, dtype, quant), constants, quant, dtype)
    return Case(graph, codes(rng, shape, dtype))


@st.composite
def mean(draw: st.DrawFn, size: Size, dtype: str) -> Case:
    """Over some axes or all; onto a grid far finer or coarser, often the same."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(any_shape(size, st.sampled_from([1, 2, 3, 4, 4, 4, 5])))
    if draw(st.booleans()):
        shape = (*shape[:-1], shape[-1] * draw(st.integers(1, 9)))
    most = len(shape) if size.least == 1 else 1  # so that many outputs remain
    axes = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1, max_size=most))
    if len(shape) == 4 and draw(st.booleans()):
        axes = {1, 2}
    x, zero = draw(params(dtype)), draw(params(dtype)).zero_point
    ratio = draw(st.sampled_from([0.0, 0.0, -1.0, 1.0]) | exponent(-9, 9))
    other = float(np.float32(np.clip(x.scale[0] * 2.0**ratio, 2.0**-126, 2.0**126)))
    quant = x if draw(st.booleans()) else QuantParams((other,), zero)
    op = ops.Mean(tuple(sorted(axes)), draw(st.booleans()))
    graph = graph_of(op, Tensor("x", shape, dtype, x), [], quant, dtype)
    return Case(graph, codes(rng, shape, dtype))


@st.composite
def resize_bilinear(draw: st.DrawFn, size: Size, dtype: str) -> Case:
    """To whole multiples and to any size, larger or smaller, in the three alignments."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape, quant = draw(image_shape(size, channels=draw(st.sampled_from([None, None, 8])))), draw(params(dtype))
    times = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)) | st.just((8, 8)))
    any_size = st.tuples(*(st.integers(1, 3 * length) for length in shape[1:3]))
    wanted = draw(st.just(tuple(t * length for t, length in zip(times, shape[1:3], strict=True))) | any_size)
    corners, centers = draw(st.sampled_from([(False, False), (True, False), (False, True)]))
    op = ops.ResizeBilinear(wanted, corners, centers)
    graph = graph_of(op, Tensor("x", shape, dtype, quant), [], quant, dtype)
    return Case(graph, codes(rng, shape, dtype))
