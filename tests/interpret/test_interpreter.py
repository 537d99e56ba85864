from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.one_op import quantized_one_op_graph

from sr2tflite.errors import InputError, UnsupportedError, VerificationError
from sr2tflite.graph import Node, ops, tflite
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.interpret import Interpreter
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import Kernels, LiteRT

FAMILIES = {"xnnpack": Kernels.XNNPACK, "reference": Kernels.REFERENCE}
SKIPS = ("none", "add", "concat", "nearest")


def random_codes(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(-128, 128, (1, height, width, 3)).astype(np.int8)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("skip", SKIPS)
@given(
    channels=st.integers(1, 20), depth=st.integers(0, 3), scale=st.integers(2, 4), seed=st.integers(0, 999),
    height=st.integers(1, 20), width=st.integers(1, 20),
)  # fmt: skip
@settings(max_examples=8)
def test_random_networks_are_the_runtimes_byte_for_byte(
    family: str, skip: str, channels: int, depth: int, scale: int, seed: int, height: int, width: int
) -> None:
    graph = quantized_sr_graph(channels, depth, scale, skip=skip, seed=seed)  # type: ignore[arg-type]
    x = random_codes(height, width)
    wanted = LiteRT(tflite.write(graph), FAMILIES[family]).run(x)
    assert np.count_nonzero(Interpreter(graph, family).run(x) != wanted) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_ends_of_other_types_are_the_runtimes(io: str, family: str) -> None:
    graph = with_io(quantized_sr_graph(), io)  # type: ignore[arg-type]
    pixels = np.random.default_rng(0).uniform(-9, 270, (1, 14, 9, 3)).astype(graph.input.dtype)
    wanted = LiteRT(tflite.write(graph), FAMILIES[family]).run(pixels)
    assert (Interpreter(graph, family).run(pixels) == wanted).all()  # type: ignore[arg-type]


def test_threads_change_nothing() -> None:
    graph, x = quantized_sr_graph(channels=24), random_codes(300, 211)
    assert (Interpreter(graph, threads=3).run(x) == Interpreter(graph).run(x)).all()


def test_sums_beyond_float32_stay_exact() -> None:
    graph = quantized_sr_graph(channels=4, depth=1, skip="none")
    bias = graph.tensors["body.0.bias"]
    assert bias.data is not None
    graph.update("body.0.bias", data=bias.data + np.int32(2**25 + 1))
    x = random_codes(9, 11)
    for family, kernels in FAMILIES.items():
        wanted = LiteRT(tflite.write(graph), kernels).run(x)
        assert (Interpreter(graph, family).run(x) == wanted).all()  # type: ignore[arg-type]


def test_every_activation_has_its_name() -> None:
    graph, x = quantized_sr_graph(skip="nearest"), random_codes(8, 9)
    found = dict(Interpreter(graph).activations(x))
    assert list(found) == [node.output for node in graph.nodes]
    for name, codes in found.items():
        part = replace(graph.copy(), outputs=(name,))
        part.nodes = graph.nodes[: 1 + [node.output for node in graph.nodes].index(name)]
        assert (LiteRT(tflite.write(part)).run(x) == codes).all(), name


def test_an_activation_may_be_given() -> None:
    graph, x = quantized_sr_graph(skip="none", depth=1), random_codes(8, 9)
    interpreter = Interpreter(graph)
    stem = dict(interpreter.activations(x))["stem"]
    same = dict(interpreter.activations(x, {"stem": stem}))
    other = dict(interpreter.activations(x, {"stem": np.full_like(stem, 5)}))
    assert (same["output"] == interpreter.run(x)).all()
    assert (other["stem"] == 5).all()
    assert (other["output"] != interpreter.run(x)).any()


def test_an_op_without_a_kernel_is_named() -> None:
    graph = quantized_one_op_graph("relu")
    graph.nodes[0] = Node(ops.Opaque("GELU"), ("x",), ("y",))
    with pytest.raises(UnsupportedError, match="op GELU has no integer kernel") as caught:
        Interpreter(graph)
    assert caught.value.where == "y"


def test_a_float_graph_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        Interpreter(float_sr_graph())


def test_moving_ops_share_their_scales() -> None:
    graph = quantized_one_op_graph("depth_to_space")
    graph.update("y", quant=QuantParams((0.5,), (0,)))
    with pytest.raises(VerificationError, match="expected equal scales"):
        Interpreter(graph)


def test_sums_beyond_int32_are_refused() -> None:
    graph = quantized_one_op_graph("conv")
    bias = graph.tensors["b"].data
    assert bias is not None
    graph.update("b", data=np.full_like(bias, 2**31 - 1))
    with pytest.raises(UnsupportedError, match="int32") as caught:
        Interpreter(graph)
    assert caught.value.where == "b"


def test_a_multiplier_that_xnnpack_refuses_is_refused() -> None:
    graph = quantized_one_op_graph("conv")
    graph.update("y", quant=QuantParams((2.0**-17,), (0,)))
    with pytest.raises(InputError, match="refuses"):
        LiteRT(tflite.write(graph))
    with pytest.raises(UnsupportedError, match="under 256"):
        Interpreter(graph)
    x = np.full(graph.input.shape, 3, np.int8)
    wanted = LiteRT(tflite.write(graph), Kernels.REFERENCE).run(x)
    assert (Interpreter(graph, "reference").run(x) == wanted).all()


@pytest.mark.parametrize("x", [np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 4, 4, 1), np.int8), np.zeros(3, np.int8)])
def test_an_input_that_does_not_fit_is_refused(x: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected int8"):
        Interpreter(quantized_sr_graph()).run(x)
