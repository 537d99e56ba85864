"""int16, int64 and int4 in files."""

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from kit.islands import island_graph
from kit.wide_ops import grid

from sr2tflite.errors import InputError, UnsupportedError, VerificationError
from sr2tflite.export.checks import check_integers
from sr2tflite.graph import Graph, Op, Tensor, onnx, ops, tflite
from sr2tflite.graph.shapes import output_shape
from sr2tflite.graph.tflite.packing import packed, unpacked
from sr2tflite.interpret import Interpreter
from sr2tflite.runtime import LiteRT


def one(op: Op, *constants: Tensor, dtype: str = "int16", out: str = "int16", channels: int = 4) -> Graph:
    """A graph of one op on a small image."""
    graph = Graph(inputs=("x",), outputs=("y",))
    graph.add_tensor(Tensor("x", (1, 3, 5, channels), dtype, grid(0.25)))
    for tensor in constants:
        graph.add_tensor(tensor)
    graph.append(op, ("x", *(tensor.name for tensor in constants)), Tensor("y", (), out, grid(0.5)))
    graph.update("y", shape=output_shape(graph, graph.nodes[0]))
    return graph


def weights(dtype: str, shape: tuple[int, ...] = (4, 3, 3, 4)) -> Tensor:
    codes = np.random.default_rng(0).integers(-8, 8, shape).astype(np.int8)
    return Tensor("w", shape, dtype, grid(0.5), codes)


def biases(dtype: str, outputs: int = 4) -> Tensor:
    return Tensor("b", (outputs,), dtype, grid(0.125), np.arange(outputs).astype(dtype))


def edited(graph: Graph, change: Callable[[Any], None]) -> bytes:
    """The graph's file after a change of its first operator's options."""
    model = schema.ModelT.InitFromPackedBuf(tflite.write(graph), 0)
    change(model.subgraphs[0].operators[0].builtinOptions)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@given(st.lists(st.integers(-8, 7), min_size=1, max_size=33))
def test_int4_codes_lie_two_to_a_byte_the_first_in_the_low_half(codes: list[int]) -> None:
    tensor = Tensor("w", (len(codes),), "int4", None, np.array(codes, np.int8))
    data = packed(tensor)
    halves = [half for byte in data for half in (byte & 15, byte >> 4)]
    assert halves[: len(codes)] == [code % 16 for code in codes]
    assert len(data) == (len(codes) + 1) // 2
    assert unpacked(np.frombuffer(data, np.uint8), "int4", tensor.shape).tolist() == codes


def test_an_odd_number_of_int4_weights_comes_back_and_takes_half_the_bytes() -> None:
    graph = one(ops.Conv2D(), weights("int4", (5, 1, 3, 3)), biases("int32", 5), dtype="int8", out="int8", channels=3)
    data = tflite.write(graph)
    assert tflite.read(data, "file") == graph
    whole = graph.copy()
    whole.update("w", dtype="int8")
    assert len(tflite.write(whole)) - len(data) >= 16


def test_a_network_of_all_types_comes_back_as_it_was() -> None:
    graph = island_graph()
    data = tflite.write(graph)
    back = tflite.read(data, "file")
    assert {tensor.dtype for tensor in back.tensors.values()} == {"int4", "int8", "int16", "int32", "int64"}
    assert back == graph
    assert tflite.write(back) == data


@pytest.mark.parametrize("op", [ops.Add(), ops.Sub()], ids=lambda op: op.kind)
def test_sums_that_shift_instead_of_multiplying_are_another_op(op: Op) -> None:
    constant = Tensor("c", (4,), "int16", grid(0.5), np.arange(4, dtype=np.int16))

    def shift(options: Any) -> None:
        options.potScaleInt16 = True

    back = tflite.read(edited(one(op, constant), shift), "file")
    assert back.nodes[0].op == ops.Opaque(op.kind)
    with pytest.raises(UnsupportedError, match=f"op {op.kind} .*that its integer kernel has not"):
        Interpreter(back)


@pytest.mark.parametrize(("dtype", "said"), [("int32", 0), ("int64", schema.TensorType.INT32)])
def test_biases_that_a_runtime_reads_as_another_type_make_another_op(dtype: str, said: int) -> None:
    def say(options: Any) -> None:
        options.quantizedBiasType = said

    back = tflite.read(edited(one(ops.Conv2D(), weights("int8"), biases(dtype)), say), "file")
    assert back.nodes[0].op == ops.Opaque("CONV_2D")


WRONG = {
    "int4 weights of an int16 depthwise": lambda: one(
        ops.DepthwiseConv2D(), weights("int4", (1, 3, 3, 4)), biases("int64")
    ),
    "int32 biases of an int16 depthwise": lambda: one(
        ops.DepthwiseConv2D(), weights("int8", (1, 3, 3, 4)), biases("int32")
    ),
    "int16 slopes": lambda: one(
        ops.PRelu(), Tensor("c", (1, 1, 4), "int16", grid(0.5), np.arange(4, dtype=np.int16).reshape(1, 1, 4))
    ),
    "int64 biases of int8": lambda: one(ops.Conv2D(), weights("int8"), biases("int64"), dtype="int8", out="int8"),
    "int8 from int16": lambda: one(ops.Conv2D(), weights("int8"), biases("int64"), out="int8"),
    "int16 to uint8": lambda: one(ops.Quantize(), out="uint8"),
    "int16 pixel shuffle": lambda: one(ops.DepthToSpace(2)),
    "int16 pixel unshuffle": lambda: one(ops.SpaceToDepth(1)),
    "int16 clip to one": lambda: one(ops.Relu0To1()),
    "int16 hard swish": lambda: one(ops.HardSwish()),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_runtime_refuses_or_gets_wrong_is_refused(name: str) -> None:
    graph = WRONG[name]()
    if name.startswith("int16 pixel"):
        graph.update("y", quant=graph.input.quant)
    with pytest.raises((UnsupportedError, VerificationError)) as caught:
        Interpreter(graph)
    assert caught.value.where in (f"{graph.nodes[0].op.kind} y", "b", "x", "y", "c", "w")


def test_an_int16_zero_point_is_refused() -> None:
    graph = one(ops.Relu())
    graph.update("y", quant=grid(0.5, 3))
    with pytest.raises(VerificationError, match="int16 with zero point 3; expected 0"):
        Interpreter(graph)


def test_int16_depthwise_reads_int4_weights_as_something_else() -> None:
    """The reason why the combination is refused."""
    graph = one(ops.DepthwiseConv2D(), weights("int4", (1, 3, 3, 4)), biases("int64"))
    whole = graph.copy()
    whole.update("w", dtype="int8")
    x = np.random.default_rng(1).integers(-99, 99, graph.input.shape).astype(np.int16)
    assert (LiteRT(tflite.write(graph)).run(x) != LiteRT(tflite.write(whole)).run(x)).any()


def test_int4_weights_are_what_they_are_as_int8() -> None:
    graph = one(ops.Conv2D(), weights("int4"), biases("int64"))
    whole = graph.copy()
    whole.update("w", dtype="int8")
    x = np.random.default_rng(1).integers(-(2**15), 2**15, graph.input.shape).astype(np.int16)
    assert (LiteRT(tflite.write(graph)).run(x) == LiteRT(tflite.write(whole)).run(x)).all()


def test_codes_beyond_four_bits_are_no_int4_weights() -> None:
    graph = one(ops.Conv2D(), weights("int4"), biases("int64"))
    data = np.array(graph.tensors["w"].data)
    data[0, 0, 0, 0] = 8
    graph.update("w", data=data)
    with pytest.raises(InputError, match=r"codes outside -8…7"):
        tflite.write(graph)


def test_export_refuses_int16_where_no_kernel_or_no_tiling_is_exact() -> None:
    for graph, message in ((island_graph(), "int16 ADD has inputs"), (one(ops.Relu()), "RELU has a tensor of int16")):
        with pytest.raises(UnsupportedError, match=message):
            check_integers(graph)


def test_onnx_holds_int16_activations_and_what_they_are() -> None:
    for graph in (island_graph(), one(ops.Relu()), one(ops.Quantize())):
        again = onnx.read(onnx.write(graph), "again.onnx")
        activations = {name: tensor for name, tensor in graph.tensors.items() if not tensor.is_constant}
        assert "int16" in {tensor.dtype for tensor in activations.values()}
        for name, tensor in activations.items():
            assert (again.tensors[name].dtype, again.tensors[name].quant) == (tensor.dtype, tensor.quant)
