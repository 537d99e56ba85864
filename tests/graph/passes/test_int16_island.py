"""An island holds the same integers on finer grids, and what a kernel gets wrong is refused by name."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.graphs import quantized_sr_graph
from kit.islands import Islander

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.passes.int16_island import declined, enclosed, int16_islands, power_of_two_from
from sr2tflite.graph.validate import validate
from sr2tflite.interpret import Interpreter
from sr2tflite.numerics.builtin import add, add_in_vectors, shifts_alone
from sr2tflite.numerics.qparams import QuantParams, dequantize

STEP = 2.0**-6
"""A scale that holds what these networks make, 512 at most."""

CODES = np.arange(-128, 128, dtype=np.int8).reshape(1, 16, 16, 1)


def _activations(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    x = np.random.default_rng(seed).integers(-128, 128, (1, 21, 17, 3)).astype(np.int8)
    return {graph.input.name: x, **dict(Interpreter(graph).activations(x))}


@given(st.floats(2.0**-20, 2.0**10), st.integers(-128, 127))
def test_lifting_is_exact_and_rounding_gives_the_codes_back(scale: float, zero_point: int) -> None:
    grid = QuantParams((float(np.float32(scale)),), (zero_point,))
    wide = QuantParams((grid.scale[0] / 128,), (0,))
    graph = Graph(inputs=("x",), outputs=("z",))
    graph.add_tensor(Tensor("x", (1, None, None, 1), "int8", grid))
    graph.append(ops.Quantize(), ("x",), Tensor("y", (1, None, None, 1), "int16", wide))
    graph.append(ops.Quantize(), ("y",), Tensor("z", (1, None, None, 1), "int8", grid))
    lifted, back = (codes for _, codes in Interpreter(graph).activations(CODES))
    assert (lifted == 128 * (CODES.astype(int) - zero_point)).all()
    assert (dequantize(lifted, wide) == dequantize(CODES, grid)).all()
    assert (back == CODES).all()


@pytest.mark.parametrize("skip", ["none", "add", "concat", "nearest"])
def test_an_island_is_nearer_to_the_real_values_and_all_else_stays_on_its_grid(skip: str) -> None:
    graph = quantized_sr_graph(skip=skip, depth=3)  # type: ignore[arg-type]
    island = int16_islands(graph, {"body.1": STEP})
    validate(island, "island")
    narrow, wide = _activations(graph), _activations(island)
    assert wide["body.1"].dtype == np.int16
    grid = graph.tensors["body.1"].quant
    assert grid is not None
    apart = np.abs(dequantize(narrow["body.1"], grid) - wide["body.1"] * STEP)
    # half a step of int8, half of int16, and a multiplier of 15 bits; where int8 does not cut
    assert apart[narrow["body.1"] < 127].max() <= grid.scale[0] * 0.5 + STEP * 2
    for name in narrow:
        if name != "body.1":
            assert island.tensors[name] == graph.tensors[name], name


def test_weights_stay_and_biases_are_the_same_values_in_finer_steps() -> None:
    graph = quantized_sr_graph(skip="none", depth=3)
    island = int16_islands(graph, {"body.1": STEP})
    for name, is_lifted in (("body.1", True), ("body.2", False)):
        assert island.tensors[f"{name}.weight"] == graph.tensors[f"{name}.weight"]
        before, after = graph.tensors[f"{name}.bias"], island.tensors[f"{name}.bias.wide"]
        assert after.dtype == "int32"
        apart = after.data * np.array(after.quant.scale) - before.data * np.array(before.quant.scale)  # type: ignore[operator,union-attr]
        assert (np.abs(apart) <= np.array(after.quant.scale) * 0.5000001).all()  # type: ignore[union-attr]
        assert not is_lifted or (after.data == 128 * before.data.astype(np.int64)).all()  # type: ignore[union-attr]


def test_sums_that_leave_32_bits_get_biases_of_64() -> None:
    for size, dtype in ((8, "int32"), (64, "int64")):
        wide = quantized_sr_graph(channels=size, skip="none", depth=3)
        wide.update("body.1.weight", data=np.full(wide.tensors["body.1.weight"].shape, 127, np.int8))
        assert int16_islands(wide, {"body.1": 64.0}).tensors["body.1.bias.wide"].dtype == dtype


def test_neighbors_have_no_quantize_between_them() -> None:
    graph = quantized_sr_graph(skip="none", depth=4)
    names = ["stem", "body.0", "body.1", "body.2", "body.3"]
    assert int16_islands(graph, dict.fromkeys(names, STEP)).summary() == "QUANTIZE×2 CONV_2D×6 DEPTH_TO_SPACE"
    assert int16_islands(graph, dict.fromkeys(names[1:3], STEP)).summary() == "CONV_2D×6 QUANTIZE×2 DEPTH_TO_SPACE"


def test_what_lies_between_two_islands_is_known() -> None:
    graph = quantized_sr_graph(skip="none", depth=4)
    assert enclosed(graph, ["stem", "body.1"]) == ["body.0"]
    assert enclosed(graph, ["stem", "body.2"]) == []
    assert enclosed(quantized_sr_graph(skip="add", depth=2), ["body.0", "trunk"]) == ["body.1"]


def test_a_sum_adds_in_16_bits_on_scales_a_power_of_two_apart() -> None:
    island = int16_islands(quantized_sr_graph(skip="add"), {"stem": STEP})
    (adding,) = [node for node in island.nodes if isinstance(node.op, ops.Add)]
    assert adding.inputs == ("body.1.summand", "stem")
    scales = [island.tensors[name].quant.scale[0] for name in adding.inputs]  # type: ignore[union-attr]
    assert shifts_alone(*scales)
    low, high = Interpreter(island).graph.tensors["body.1"].quant, scales[0]
    assert low is not None
    assert low.scale[0] / 128 <= high < low.scale[0] / 64


def test_islands_for_sums_alone_leave_the_convolutions_that_read_them_int8() -> None:
    graph = quantized_sr_graph(skip="add", depth=3)
    island = int16_islands(graph, {"stem": STEP}, sums_alone=True)
    widths = {node.output: island.tensors[node.output].dtype for node in island.nodes}
    assert (widths["stem"], widths["body.0"], widths["trunk.unrounded"]) == ("int16", "int8", "int16")
    assert {node.output: node.inputs[0] for node in island.nodes}["body.0"] == "stem.rounded"
    with pytest.raises(UnsupportedError, match="expected a sum") as refusal:
        int16_islands(graph, {"body.0": STEP}, sums_alone=True)
    assert refusal.value.where == "body.0"


@given(st.integers(0, 999), st.integers(-14, 14), st.floats(0.01, 100), st.floats(0.01, 100))
def test_where_shifts_are_exact_the_last_values_of_an_image_are_summed_as_all_others(
    seed: int, exponent: int, scale: float, scale_out: float
) -> None:
    a, b = np.random.default_rng(seed).integers(-(2**15), 2**15, (2, 500))
    scales = scale, scale * 2.0**exponent
    assert shifts_alone(*scales)
    plain = add(a, b, scales, 2.0**14 * scale_out, bits=15)
    vector = add_in_vectors(a, b, scales, 2.0**14 * scale_out, shifts_first=True, bits=15)
    assert (plain == vector).all()


def test_elsewhere_they_are_not() -> None:
    """Else the demand would be idle."""
    assert not shifts_alone(1.0, 0.3)
    assert not shifts_alone(1.0, 2.0**-15)
    a, b = np.random.default_rng(0).integers(-(2**15), 2**15, (2, 500))
    scales, scale_out = (1.0, 0.3), 2.0**-13  # so fine that every rounding of an input shows
    vector = add_in_vectors(a, b, scales, scale_out, shifts_first=True, bits=15)
    assert (add(a, b, scales, scale_out, bits=15) != vector).any()


@given(st.floats(2.0**-40, 2.0**40))
def test_the_next_power_of_two_is_the_smallest(scale: float) -> None:
    found = power_of_two_from(scale)
    assert found / 2 < scale <= found
    assert np.log2(found) == round(np.log2(found))


REFUSED = {
    "the input": ("none", "input", "holds pixels"),
    "the output": ("none", "output", "holds pixels"),
    "joined": ("concat", "trunk", "written by CONCATENATION: int16 codes are joined as they are"),
    "read by a shuffle alone": ("add", "tail", "read by DEPTH_TO_SPACE alone"),
    "read by a joining alone": ("concat", "body.1", "read by CONCATENATION alone"),
    "a shuffle": ("shuffled", "shuffled", "written by DEPTH_TO_SPACE: it has no int16 kernel"),
    "int4 depthwise": ("depthwise", "wide", "int4 weights, which DEPTHWISE_CONV_2D of int16 reads as int8"),
    "not there": ("add", "nobody", "holds pixels"),
}


def _depthwise() -> Graph:
    """A depthwise convolution with int4 weights in the middle."""
    put = Islander(0, 6)
    x = put.conv("input", "int32")
    x = put.conv(x, "int32", "int4", op=ops.DepthwiseConv2D())
    put.conv(x, "int32")
    put.graph.outputs = (put.graph.nodes[-1].output,)
    return put.graph


def _shuffled() -> Graph:
    """A pixel shuffle before the last convolution."""
    put = Islander(0, 12)
    x = put.conv("input", "int32")
    x = put.put(ops.DepthToSpace(2), (x,), "int8", put.graph.tensors[x].quant)
    put.conv(x, "int32")
    put.graph.outputs = (put.graph.nodes[-1].output,)
    return put.graph


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_an_island_is_refused_by_name(case: str) -> None:
    kind, name, reason = REFUSED[case]
    made = {"depthwise": _depthwise, "shuffled": _shuffled}.get(kind)
    graph = made() if made else quantized_sr_graph(skip=kind)  # type: ignore[arg-type]
    name = {"wide": graph.nodes[0].output, "shuffled": graph.nodes[1].output}.get(name, name)
    with pytest.raises(UnsupportedError) as refusal:
        int16_islands(graph, {name: STEP})
    assert refusal.value.where == name
    assert reason in refusal.value.message
    assert declined(graph, name) == refusal.value.message


def test_scales_that_no_kernel_takes_are_refused() -> None:
    graph = quantized_sr_graph(skip="add")
    with pytest.raises(UnsupportedError, match="multiplies sums by"):
        int16_islands(graph, {"body.0": 2.0**-40})
    with pytest.raises(UnsupportedError, match="power of two apart"):
        int16_islands(graph, {"stem": 0.011})


def test_a_bias_that_no_onnx_file_holds_is_refused() -> None:
    graph = quantized_sr_graph(skip="none")
    codes = graph.tensors["body.0.bias"].data.copy()  # type: ignore[union-attr]
    for code in (2**24 - 1, 2**24):
        codes[3] = code
        graph.update("body.0.bias", data=codes.copy())
        if code < 2**24:
            int16_islands(graph, {"body.0": STEP})
    with pytest.raises(UnsupportedError, match=r"takes a bias of 2\.15e") as refusal:
        int16_islands(graph, {"body.0": STEP})
    assert refusal.value.where == "body.0"


def test_what_is_no_convolution_reads_an_island_rounded() -> None:
    """What else reads it reads it rounded, on the grid it had."""
    graph = quantized_sr_graph(skip="concat", depth=3)
    island = int16_islands(graph, {"stem": STEP})
    (joining,) = [node for node in island.nodes if isinstance(node.op, ops.Concatenation)]
    assert joining.inputs == ("body.2", "stem.rounded")
    assert island.tensors["stem.rounded"] == replace(graph.tensors["stem"], name="stem.rounded")
    places = {node.output: place for place, node in enumerate(island.nodes)}
    for before, after in pairwise(("stem", "stem.rounded", "trunk")):
        assert places[before] < places[after]
