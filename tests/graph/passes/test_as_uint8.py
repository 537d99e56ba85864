"""A uint8 file computes the int8 file's integers, 128 higher, in one delegate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.graphs import float_sr_graph, per_tensor, quantized_sr_graph
from kit.one_op import CASES, quantized_one_op_graph

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops, tflite
from sr2tflite.graph.passes.as_uint8 import SHIFTED, as_uint8, shifted
from sr2tflite.graph.passes.file_io import UINT8_PIXELS, with_io
from sr2tflite.numerics.qparams import LIMITS, QuantParams
from sr2tflite.runtime import LiteRT

ONE_OP = sorted(name for name in CASES if isinstance(CASES[name]()[0], SHIFTED))
SHARED_SCALE = ("minimum", "maximum", "concatenation", "depth_to_space", "resize_nearest")
DELEGATED = ("conv", "depthwise", "add", "sub", "mul", "leaky_relu", "logistic", "concatenation", "depth_to_space")


def count_differences(graph: Graph, other: Graph, seed: int) -> int:
    """Codes of an int8 file that are not those of a uint8 file, shifted."""
    rng = np.random.default_rng(seed)
    _, height, width, channels = graph.input.shape
    codes = rng.integers(-128, 128, (1, height or 9, width or 14, channels)).astype(np.int8)
    signed = LiteRT(tflite.write(graph)).run(codes)
    unsigned = LiteRT(tflite.write(other)).run((codes.astype(np.int16) + 128).astype(np.uint8))
    assert (signed.dtype, unsigned.dtype) == (np.int8, np.uint8)
    return int(np.count_nonzero(signed.astype(np.int16) + 128 != unsigned))


def any_params(rng: np.random.Generator) -> QuantParams:
    return QuantParams((float(np.float32(np.exp(rng.normal(0, 1)))),), (int(rng.integers(-128, 128)),))


@pytest.mark.parametrize("case", ONE_OP)
def test_every_op_gives_the_same_codes_higher(case: str) -> None:
    rng = np.random.default_rng(len(case))
    for _ in range(5):
        graph = per_tensor(quantized_one_op_graph(case))
        if "w" not in graph.tensors and case not in SHARED_SCALE:
            for name in ("x", "c") if case == "logistic" else ("x", "c", "y"):
                if name in graph.tensors:
                    graph.update(name, quant=any_params(rng))
        unsigned = graph.copy()
        unsigned.tensors = {name: shifted(tensor) for name, tensor in graph.tensors.items()}
        assert count_differences(graph, unsigned, 1) == 0
        plan = [node["op_name"] for node in LiteRT(tflite.write(unsigned)).plan()]
        assert ("DELEGATE" in plan) == case.startswith(DELEGATED)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["none", "add", "concat", "nearest"]), st.integers(0, 3))
def test_random_networks_give_the_same_pixels_in_one_delegate(seed: int, skip: str, depth: int) -> None:
    graph = per_tensor(quantized_sr_graph(depth=depth, skip=skip, seed=seed))
    unsigned = as_uint8(graph)
    assert count_differences(graph, unsigned, seed) == 0
    plan = [node["op_name"] for node in LiteRT(tflite.write(unsigned)).plan()]
    assert plan.count("DELEGATE") == 1
    assert plan[:-1] == [node.op.kind for node in graph.nodes]


def test_ends_are_raw_pixels_and_nothing_is_added() -> None:
    graph = per_tensor(quantized_sr_graph())
    unsigned = as_uint8(graph)
    assert unsigned.summary() == graph.summary()
    assert [(t.dtype, t.quant) for t in (unsigned.input, unsigned.output)] == [("uint8", UINT8_PIXELS)] * 2
    for name, tensor in graph.tensors.items():
        if tensor.dtype == "int32":
            assert unsigned.tensors[name] == tensor
        else:
            assert unsigned.tensors[name].dtype == "uint8"
            assert unsigned.tensors[name].quant.zero_point == (tensor.quant.zero_point[0] + 128,)
            assert LIMITS["uint8"][0] <= unsigned.tensors[name].quant.zero_point[0] <= LIMITS["uint8"][1]


def test_the_graph_given_stays_as_it_was() -> None:
    graph = per_tensor(quantized_sr_graph())
    before = graph.copy()
    as_uint8(graph)
    assert graph == before


def test_a_uint8_file_holds_its_graph() -> None:
    unsigned = as_uint8(per_tensor(quantized_sr_graph()))
    assert tflite.read(tflite.write(unsigned), "u8.tflite") == unsigned


def test_scales_per_channel_are_refused_with_what_to_do() -> None:
    with pytest.raises(UnsupportedError, match="one per channel") as caught:
        as_uint8(quantized_sr_graph())
    assert caught.value.where == "stem.weight"
    assert "--weights per-tensor" in str(caught.value.hint)


def test_a_float_graph_has_no_uint8_form() -> None:
    with pytest.raises(UnsupportedError, match="float32"):
        as_uint8(float_sr_graph())


def test_an_op_without_uint8_form_is_refused_by_name() -> None:
    graph = per_tensor(quantized_sr_graph())
    last = graph.nodes[-1]
    graph.nodes[-1] = Node(ops.Opaque("FANCY"), last.inputs, last.outputs)
    with pytest.raises(UnsupportedError, match=r"op FANCY has no uint8 form here; expected one of: CONV_2D, "):
        as_uint8(graph)


def test_a_graph_with_other_ends_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="is uint8"):
        as_uint8(with_io(per_tensor(quantized_sr_graph()), "uint8"))
