"""Rewrites of quantized graphs: what they change computes the same bytes, and what they cannot change stays."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from kit.graphs import PIXELS, per_tensor, quantized_sr_graph
from kit.one_op import int8_graph
from kit.same_bytes import assert_same_bytes
from kit.tails import (
    NARROW,
    REAL,
    WIDE,
    channels_first_tail,
    clamped_tail,
    float_island_tail,
    gathered_tail,
    there_and_back,
    with_pads,
    with_tail,
)

from sr2tflite.graph import Graph, ops, tflite
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.graph.passes.clip_before_shuffle import clip_before_shuffle
from sr2tflite.graph.passes.drop_idle_clips import drop_idle_clips
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.graph.passes.merge_quantize import merge_quantize
from sr2tflite.graph.passes.rescale_by_sum import rescale_by_sum
from sr2tflite.graph.passes.rewritten import Rewritten
from sr2tflite.graph.passes.same_padding import same_padding
from sr2tflite.graph.passes.shuffle_moves import shuffle_moves
from sr2tflite.graph.passes.write_at_once import write_at_once
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import LiteRT

SIZE = (9, 14)


def sr(**settings: object) -> Graph:
    return quantized_sr_graph(size=SIZE, **settings)


CASES: dict[str, tuple[Callable[[], Graph], Callable[[Graph], Rewritten], str]] = {
    "tail": (lambda: with_tail(sr()), shuffle_moves, "CONV_2D×4 ADD DEPTH_TO_SPACE"),
    "tail of an anchored sum": (
        lambda: with_tail(sr(skip="nearest")),
        shuffle_moves,
        "CONV_2D×5 ADD DEPTH_TO_SPACE",
    ),
    "tail per tensor, uint8": (
        lambda: with_tail(as_uint8(per_tensor(sr()))),
        shuffle_moves,
        "CONV_2D×4 ADD DEPTH_TO_SPACE",
    ),
    "clips between moves": (lambda: clipped_between(sr()), shuffle_moves, "CONV_2D×4 ADD MINIMUM DEPTH_TO_SPACE"),
    "tail of what another op reads": (
        lambda: with_tail(read_twice(sr())),
        shuffle_moves,
        "CONV_2D×6 ADD×2 DEPTH_TO_SPACE",
    ),
    "there and back": (lambda: there_and_back(sr()), shuffle_moves, "CONV_2D×4 ADD DEPTH_TO_SPACE"),
    "gathered channels": (
        lambda: gathered_tail(sr(skip="nearest"), WIDE),
        shuffle_moves,
        "CONV_2D×5 ADD DEPTH_TO_SPACE RELU MINIMUM",
    ),
    "gathered channels of a concatenation": (
        lambda: gathered_tail(joined(sr()), PIXELS),
        shuffle_moves,
        "CONV_2D×6 ADD CONCATENATION DEPTH_TO_SPACE RELU MINIMUM",
    ),
    "channels first, in floats": (
        lambda: channels_first_tail(sr()),
        shuffle_moves,
        "CONV_2D×4 ADD DEPTH_TO_SPACE DEQUANTIZE RELU MINIMUM",
    ),
    "shuffled in floats": (
        lambda: float_island_tail(sr(), REAL),
        shuffle_moves,
        "CONV_2D×4 ADD DEPTH_TO_SPACE DEQUANTIZE MINIMUM QUANTIZE",
    ),
    "clipped in floats": (lambda: float_island_tail(sr(), REAL), rescale_by_sum, "CONV_2D×4 ADD×2 DEPTH_TO_SPACE"),
    "nothing done in floats": (
        lambda: float_island_tail(sr(), PIXELS),
        rescale_by_sum,
        "CONV_2D×4 ADD DEPTH_TO_SPACE",
    ),
    # at steps of 1.46875 some values are halves, which kernels of QUANTIZE round to either side
    "clipped in floats, ties": (
        lambda: float_island_tail(sr(), WIDE),
        rescale_by_sum,
        "CONV_2D×4 ADD DEQUANTIZE DEPTH_TO_SPACE MINIMUM QUANTIZE",
    ),
    "rescaled": (lambda: with_tail(sr(), wide=WIDE), rescale_by_sum, "CONV_2D×4 ADD×2 RESHAPE×2 TRANSPOSE"),
    "rescaled, uint8": (
        lambda: with_tail(as_uint8(per_tensor(sr())), wide=QuantParams((1.46875,), (39,))),
        rescale_by_sum,
        "CONV_2D×4 ADD×2 RESHAPE×2 TRANSPOSE",
    ),
    "rescaled and clipped": (
        lambda: with_tail(sr(), wide=WIDE, is_clipped=True),
        rescale_by_sum,
        "CONV_2D×4 ADD×2 RESHAPE×2 TRANSPOSE",
    ),
    "rescaled to less than half": (
        lambda: with_tail(sr(), wide=NARROW),
        rescale_by_sum,
        "CONV_2D×4 ADD RESHAPE×2 TRANSPOSE RELU",
    ),
    "idle minimum": (
        lambda: with_tail(sr(), is_clipped=True),
        drop_idle_clips,
        "CONV_2D×4 ADD RESHAPE×2 TRANSPOSE",
    ),
    "padded": (lambda: with_pads(sr()), same_padding, "CONV_2D×4 ADD DEPTH_TO_SPACE"),
    "padded, dilated": (lambda: with_pads(dilated(sr())), same_padding, "CONV_2D×4 ADD DEPTH_TO_SPACE"),
    "padded on one side": (lambda: with_pads(sr(), shift=1), same_padding, "PAD×4 CONV_2D×4 ADD DEPTH_TO_SPACE"),
    "uint8 ends": (lambda: with_io(sr(), "uint8"), merge_quantize, "QUANTIZE×2 CONV_2D×4 ADD DEPTH_TO_SPACE"),
    "quantized thrice": (lambda: quantized_thrice(sr()), merge_quantize, "CONV_2D×4 ADD DEPTH_TO_SPACE"),
    "shifted twice": (
        lambda: shifted_then(sr(), QuantParams((1.0,), (-120,))),
        merge_quantize,
        "CONV_2D×4 ADD QUANTIZE DEPTH_TO_SPACE",
    ),
    # XNNPACK rescales from uint8 to uint8, a builtin kernel from int8 to uint8, which rounds otherwise
    "shifted, then rescaled": (
        lambda: shifted_then(sr(), QuantParams((1.25,), (3,)), "uint8"),
        merge_quantize,
        "CONV_2D×4 ADD QUANTIZE×2 DEPTH_TO_SPACE",
    ),
}


def appended(graph: Graph, *chain: tuple[ops.Op, str, QuantParams]) -> Graph:
    """More ops before the shuffle, each with its output's type, scale and zero point."""
    result = graph.copy()
    shuffle = result.nodes.pop()
    name = shuffle.inputs[0]
    for index, (op, dtype, quant) in enumerate(chain):
        inner = replace(graph.tensors[shuffle.inputs[0]], name=f"more{index}", dtype=dtype, quant=quant)
        result.append(op, (name,), inner)
        name = inner.name
    result.nodes.append(replace(shuffle, inputs=(name,)))
    result.update(graph.output.name, dtype=chain[-1][1], quant=chain[-1][2])
    return result


def quantized_thrice(graph: Graph) -> Graph:
    up = QuantParams((1.0,), (0,))
    return appended(
        graph, (ops.Quantize(), "uint8", up), (ops.Quantize(), "int8", PIXELS), (ops.Quantize(), "int8", PIXELS)
    )


def shifted_then(graph: Graph, quant: QuantParams, dtype: str = "int8") -> Graph:
    return appended(graph, (ops.Quantize(), "uint8", QuantParams((1.0,), (0,))), (ops.Quantize(), dtype, quant))


def dilated(graph: Graph) -> Graph:
    graph = graph.copy()
    for index, node in enumerate(graph.nodes):
        if isinstance(node.op, ops.Conv2D):
            graph.nodes[index] = replace(node, op=replace(node.op, dilation=(2, 2)))
    return graph


def clipped_between(graph: Graph) -> Graph:
    """A MINIMUM between the TRANSPOSE and the last RESHAPE, which takes away codes."""
    result = with_tail(graph)
    last = result.nodes.pop()
    woven = result.tensors[last.inputs[0]]
    level = result.constant("gray", np.array([-20], np.int8), woven.quant)
    result.append(ops.Minimum(), (woven.name, level), replace(woven, name="clipped"))
    result.nodes.append(replace(last, inputs=("clipped",)))
    return result


def joined(graph: Graph) -> Graph:
    """The last convolution is half of a concatenation, which a shuffle by twice as much reads."""
    result = graph.copy()
    result.nodes.pop()
    tail = result.tensors["tail"]
    shape, weight = tail.shape, result.tensors["tail.weight"].shape
    quant = QuantParams((2.0**-7,) * 9, (0,) * 9, 0)
    codes = np.random.default_rng(5).integers(-9, 10, (9, *weight[1:])).astype(np.int8)
    names = (result.nodes[-1].inputs[0], result.constant("w", codes, quant))
    x = result.tensors[names[0]]
    bias = QuantParams(tuple(float(np.float32(x.quant.scale[0]) * np.float32(one)) for one in quant.scale), (0,) * 9, 0)
    names = (*names, result.constant("b", np.zeros(9, np.int32), bias))
    result.append(ops.Conv2D(), names, replace(tail, name="beside", shape=(*shape[:3], 9)))
    result.append(ops.Concatenation(), ("tail", "beside"), replace(tail, name="joined", shape=(*shape[:3], 36)))
    del result.tensors[graph.output.name]
    result.append(ops.DepthToSpace(3), ("joined",), replace(graph.output, shape=(1, *graph.output.shape[1:3], 4)))
    return result


def read_twice(graph: Graph) -> Graph:
    """The last convolution is also added to what a 1×1 convolution makes of it."""
    result = graph.copy()
    shuffle = result.nodes.pop()
    tail = result.tensors[shuffle.inputs[0]]
    count = tail.channels
    weight = QuantParams((2.0**-7,) * count, (0,) * count, 0)
    codes = np.random.default_rng(5).integers(-9, 10, (count, 1, 1, count)).astype(np.int8)
    inputs = (
        tail.name,
        result.constant("w", codes, weight),
        result.constant("b", np.zeros(count, np.int32), QuantParams((2.0**-7,) * count, (0,) * count, 0)),
    )
    result.append(ops.Conv2D(), inputs, replace(tail, name="again"))
    result.append(ops.Add(), (tail.name, "again"), replace(tail, name="sum"))
    result.nodes.append(replace(shuffle, inputs=("sum",)))
    return result


@pytest.mark.parametrize("case", CASES)
def test_a_rewrite_changes_ops_and_no_byte(case: str) -> None:
    make, rewrite, summary = CASES[case]
    before = make()
    done = rewrite(before)
    assert done.graph.summary() == summary
    assert bool(done.places) == (done.graph.summary() != before.summary())
    assert (done.graph.inputs, done.graph.outputs) == (before.inputs, before.outputs)
    assert_same_bytes(before, done.graph)
    assert rewrite(done.graph).places == ()


def test_a_rewrite_leaves_the_graph_that_it_was_given_alone() -> None:
    for make, rewrite, _ in CASES.values():
        before = make()
        written = tflite.write(before)
        rewrite(before)
        assert tflite.write(before) == written


def test_a_maximum_with_zero_is_a_relu_and_goes_into_the_convolution() -> None:
    graph = clamped_tail(sr(), WIDE)
    fused = clip_before_shuffle(graph)
    assert fused.summary() == "CONV_2D×4 ADD MINIMUM DEPTH_TO_SPACE"
    assert fused.nodes[-3].op.activation == "RELU"
    assert_same_bytes(graph, fused)


@pytest.mark.parametrize(
    ("op", "quant", "level", "is_idle"),
    [
        (ops.Relu(), PIXELS, None, True),
        (ops.Relu(), QuantParams((1.0,), (-127,)), None, False),
        (ops.Minimum(), PIXELS, 127, True),
        (ops.Minimum(), PIXELS, 126, False),
        (ops.Maximum(), PIXELS, -128, True),
        (ops.Maximum(), PIXELS, -127, False),
    ],
)
def test_a_clip_is_idle_where_its_bound_is_the_end_of_the_codes(
    op: ops.Op, quant: QuantParams, level: int | None, is_idle: bool
) -> None:
    constant = None if level is None else (np.array([level], np.int8), quant)
    alone = int8_graph(op, quant, quant, constant)
    assert drop_idle_clips(alone).places == ()  # nothing before it could write its output
    graph = sr()
    graph.update("tail", quant=quant)
    graph.update("output", quant=quant)
    shuffle = graph.nodes.pop()
    names = ("tail",) if constant is None else ("tail", graph.constant("level", *constant))
    graph.append(op, names, replace(graph.tensors["tail"], name="clipped"))
    graph.nodes.append(replace(shuffle, inputs=("clipped",)))
    done = drop_idle_clips(graph)
    assert done.places == (("clipped",) if is_idle else ())
    assert_same_bytes(graph, done.graph)


def test_a_clip_that_rescales_is_not_idle() -> None:
    graph = with_tail(sr(), wide=WIDE)
    assert drop_idle_clips(graph).places == ()


def test_a_relu_at_one_scale_goes_into_the_convolution_and_one_that_rescales_does_not() -> None:
    graph = appended(sr(), (ops.Relu(), "int8", PIXELS))
    graph.update("tail", quant=PIXELS)
    fused = clip_before_shuffle(graph)
    assert fused.summary() == "CONV_2D×4 ADD DEPTH_TO_SPACE"
    assert fused.producer("more0").op.activation == "RELU"
    assert_same_bytes(graph, fused)
    wide = shuffle_moves(with_tail(sr(), wide=WIDE)).graph
    assert "RELU" in clip_before_shuffle(wide).summary()
    assert_same_bytes(wide, clip_before_shuffle(wide))


def test_a_rescaling_relu_is_written_at_once_and_some_codes_differ_by_one() -> None:
    before = shuffle_moves(with_tail(sr(), wide=WIDE)).graph
    done = write_at_once(before)
    assert (done.graph.summary(), done.places) == ("CONV_2D×4 ADD DEPTH_TO_SPACE", ("output",))
    x = np.random.default_rng(0).integers(-128, 128, before.input.shape).astype(np.int8)
    outputs = [LiteRT(tflite.write(graph)).run(x).astype(int) for graph in (before, done.graph)]
    distance = np.abs(outputs[0] - outputs[1])
    assert np.count_nonzero(distance) > 0
    assert distance.max() == 1
    assert write_at_once(with_io(sr(), "uint8")).places == ()
