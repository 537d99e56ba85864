"""Ops whose constant inputs are attributes here: read, written, sized; and what of them stays opaque or is refused."""

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from kit.absorbed import CASES, graph_of_case

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import Graph, Node, Tensor, onnx, ops, tflite
from sr2tflite.graph.shapes import with_size
from sr2tflite.graph.validate import validate
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import Kernels, LiteRT

DTYPES = ("float32", "int8", "uint8")
EVERY = [(case, dtype) for case in CASES for dtype in DTYPES]


def changed(graph: Graph, change: Callable[[Any], None]) -> bytes:
    """A file of ours, changed through the schema's own objects."""
    model = schema.ModelT.InitFromPackedBuf(tflite.write(graph))
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def foreign(case: str, change: Callable[[Any], None], dtype: str = "int8") -> ops.Op:
    """The op that another tool's file holds."""
    return tflite.read(changed(graph_of_case(case, dtype), change), "foreign.tflite").nodes[0].op


def first(model: Any) -> Any:
    return model.subgraphs[0].operators[0]


def set_numbers(model: Any, position: int, *values: int) -> None:
    """Give one of the op's constant inputs other values."""
    tensor = model.subgraphs[0].tensors[first(model).inputs[position]]
    model.buffers[tensor.buffer].data = np.frombuffer(np.array(values, np.int32).tobytes(), np.uint8)
    if len(values) != np.prod(tensor.shape):
        tensor.shape = np.array([len(values)], np.int32)


def set_option(name: str, value: object) -> Callable[[Any], None]:
    return lambda model: setattr(first(model).builtinOptions, name, value)


def set_shape(model: Any, position: int, *shape: int) -> None:
    model.subgraphs[0].tensors[first(model).inputs[position]].shape = np.array(shape, np.int32)


@pytest.mark.parametrize(("case", "dtype"), EVERY)
def test_every_op_comes_back_as_it_was(case: str, dtype: str) -> None:
    graph = graph_of_case(case, dtype)
    data = tflite.write(graph)
    back = tflite.read(data, "model.tflite")
    assert back == graph
    assert tflite.write(back) == data


@pytest.mark.parametrize(("case", "dtype"), EVERY)
def test_every_family_runs_the_file_and_gives_the_shape_that_follows(case: str, dtype: str) -> None:
    graph = graph_of_case(case, dtype)
    x = np.random.default_rng(0).integers(0, 100, graph.input.shape).astype(dtype)
    outputs = [LiteRT(tflite.write(graph), kernels).run(x).astype(np.float64) for kernels in Kernels]
    assert all(output.shape == graph.output.shape for output in outputs)
    step = 1e-3 if dtype == "float32" else 1  # kernel families round differently, by a code at most
    assert max(np.abs(output - outputs[0]).max() for output in outputs) <= step


VERSIONS = {
    "pad": (1, 2, 1), "pad_rank_5": (4, 4, 4), "pad_with_value": (1, 2, 1), "reshape": (1, 1, 1),
    "transpose": (1, 2, 1), "transpose_rank_5": (4, 4, 4), "transpose_rank_6": (6, 6, 6), "slice": (1, 2, 1),
    "gather": (1, 2, 1), "gather_rows": (1, 2, 1),
    "slice_shrinks": (1, 2, 1), "split": (1, 2, 1), "mean": (1, 2, 1), "mean_drops_axes": (1, 2, 1),
    "transpose_conv": (3, 3, 3), "transpose_conv_no_bias": (1, 2, 1), "transpose_conv_relu": (4, 4, 4),
    "transpose_conv_sized": (3, 3, 3), "fully_connected": (1, 4, 1), "fully_connected_keeps_axes": (5, 5, 5),
    "fully_connected_no_bias": (1, 4, 1), "resize_bilinear": (1, 2, 1), "resize_bilinear_corners": (1, 2, 1),
    "resize_bilinear_centers": (3, 3, 3),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_versions_are_the_lowest_that_know_the_op(case: str) -> None:
    """As ``GetBuiltinOperatorVersion`` (``tools/versioning/op_version.cc``) has them."""

    def version(dtype: str) -> int:
        model = schema.ModelT.InitFromPackedBuf(tflite.write(graph_of_case(case, dtype)))
        return int(model.operatorCodes[first(model).opcodeIndex].version)

    assert tuple(map(version, DTYPES)) == VERSIONS[case]


def drop_shape_input(model: Any) -> None:
    first(model).inputs = first(model).inputs[:1]


def drop_bias(model: Any) -> None:
    first(model).inputs = first(model).inputs[:2]


READ_ALIKE: dict[str, tuple[str, Callable[[Any], None]]] = {
    "a reshape whose shape is an option only": ("reshape", drop_shape_input),
    "negative axes of a mean": ("mean", lambda m: set_numbers(m, 1, -2, -3)),
    "an axis twice": ("mean", lambda m: set_numbers(m, 1, 1, 2)),
    "a negative axis of a split": ("split", lambda m: set_numbers(m, 0, -1)),
    "a negative axis of a gather": ("gather", set_option("axis", -1)),
    "a negative axis of a permutation": ("transpose", lambda m: set_numbers(m, 1, 0, 2, 1, -1)),
    "a bias that is not even left out": ("fully_connected_no_bias", drop_bias),
}


@pytest.mark.parametrize("name", READ_ALIKE)
def test_other_spellings_are_the_same_op(name: str) -> None:
    case, change = READ_ALIKE[name]
    assert foreign(case, change) == graph_of_case(case, "int8").nodes[0].op


def not_constant(position: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        index = first(model).inputs[position]
        model.subgraphs[0].tensors[index].buffer = 0
        model.subgraphs[0].inputs = np.append(model.subgraphs[0].inputs, index)

    return change


OPAQUE: dict[str, tuple[str, Callable[[Any], None]]] = {
    "paddings that are computed": ("pad", not_constant(1)),
    "a shape that is computed": ("reshape", not_constant(1)),
    "a permutation that is computed": ("transpose", not_constant(1)),
    "an ellipsis": ("slice", set_option("ellipsisMask", 1)),
    "a new axis": ("slice", set_option("newAxisMask", 1)),
    "an offset": ("slice", set_option("offset", True)),
    "an axis that is computed": ("split", not_constant(0)),
    "indices that are computed": ("gather", not_constant(1)),
    "indices in two dimensions": ("gather", lambda m: set_shape(m, 1, 2, 2)),
    "batch dimensions": ("gather_rows", set_option("batchDims", 1)),
    "axes that are computed": ("mean", not_constant(1)),
    "weights that are computed": ("fully_connected", not_constant(1)),
    "shuffled weights": ("fully_connected", set_option("weightsFormat", 1)),
    "an activation outside the set": ("fully_connected", set_option("fusedActivationFunction", 4)),
    "an output shape that no convolution brings back": ("transpose_conv", lambda m: set_numbers(m, 0, 1, 30, 14, 6)),
    "an output of other channels": ("transpose_conv", lambda m: set_numbers(m, 0, 1, 10, 14, 5)),
    "both alignments": ("resize_bilinear_centers", set_option("alignCorners", True)),
    "a size of one number": ("resize_bilinear", lambda m: set_numbers(m, 1, 9)),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_what_the_graph_cannot_say_is_read_as_opaque(name: str) -> None:
    case, change = OPAQUE[name]
    assert foreign(case, change) == ops.Opaque(graph_of_case(case, "int8").nodes[0].op.kind)


REFUSED: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "negative paddings": ("pad", lambda m: set_numbers(m, 1, 0, 0, -1, 0, 0, 0, 0, 0), "paddings"),
    "too few paddings": ("pad_rank_5", lambda m: set_numbers(m, 1, *[0] * 10), "declares shape"),
    "another count": ("reshape", lambda m: set_numbers(m, 1, 1, -1, 9), "cannot give"),
    "no permutation": ("transpose", lambda m: set_numbers(m, 1, 0, 0, 1, 2), "permutation"),
    "a stride of zero": ("slice", lambda m: set_numbers(m, 3, 0, 1, 1, 1), "by"),
    "an index outside": ("slice_shrinks", lambda m: set_numbers(m, 1, 0, 9, 0, 0), "value 9 of an axis of 5"),
    "a value that is not there": ("gather", lambda m: set_numbers(m, 1, 7, 0, 3, 8), "cannot take"),
    "a value before the first": ("gather", lambda m: set_numbers(m, 1, 7, 0, 3, -1), "cannot take"),
    "an axis to gather along outside": ("gather", set_option("axis", 4), "along axis 4"),
    "parts of no equal size": ("split", lambda m: set_numbers(m, 0, 1), "equal parts"),
    "an axis outside": ("mean", lambda m: set_numbers(m, 1, 1, 7), "axes"),
    "no width": ("resize_bilinear", lambda m: set_numbers(m, 1, 9, 0), "makes it 9×0"),
    "no stride": ("transpose_conv", set_option("strideH", 0), "stride"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_file_says_what_is_broken(name: str) -> None:
    case, change, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        foreign(case, change)
    assert caught.value.where.startswith("foreign.tflite: ")
    assert caught.value.hint


@pytest.mark.parametrize("case", CASES)
def test_onnx_refuses_the_op_by_name(case: str) -> None:
    graph = graph_of_case(case, "float32")
    with pytest.raises(UnsupportedError, match=f"op {graph.nodes[0].op.kind} has no ONNX form") as caught:
        onnx.write(graph)
    assert caught.value.where == ", ".join(graph.nodes[0].outputs)


def test_a_transposed_convolution_follows_the_image() -> None:
    graph = graph_of_case("transpose_conv", "int8")
    assert graph.scale_factor == 2
    assert with_size(graph, 11, 4).output.shape == (1, 22, 8, 6)
    free = with_size(graph, None, None)
    assert free.output.shape == (1, None, None, 6)
    with pytest.raises(UnsupportedError, match="TRANSPOSE_CONV needs its output size"):
        tflite.write(free)


def test_a_bilinear_resize_counts_in_the_scale() -> None:
    assert graph_of_case("resize_bilinear", "int8").scale_factor == 3


def test_an_op_of_several_outputs_is_refused_where_one_is_expected() -> None:
    node = Node(ops.Split(3, 2), ("x",), ("a", "b"))
    with pytest.raises(UnsupportedError, match="op SPLIT writes 2 tensors; expected 1") as caught:
        _ = node.output
    assert caught.value.where == "a, b"


def test_a_split_has_as_many_outputs_as_parts() -> None:
    graph = graph_of_case("split", "int8")
    graph.nodes[0] = Node(ops.Split(3, 4), *(graph.nodes[0].inputs, graph.nodes[0].outputs))
    with pytest.raises(InputError, match="writes 2 tensors; expected 4"):
        validate(graph, "graph")


MOVES = ("pad", "pad_with_value", "reshape", "transpose", "slice", "split", "resize_bilinear")


@pytest.mark.parametrize("case", [case for case in MOVES if case != "pad_with_value"])
def test_a_move_between_other_scales_is_a_lie(case: str) -> None:
    """The builtin kernels move the codes all the same, so the file is not read."""
    honest, lying = graph_of_case(case, "int8"), graph_of_case(case, "int8")
    for name in lying.nodes[0].outputs:
        lying.update(name, quant=QuantParams((0.25,), lying.tensors[name].quant.zero_point))
    x = np.random.default_rng(0).integers(-128, 128, honest.input.shape).astype(np.int8)
    got, wanted = (LiteRT(tflite.write(graph), Kernels.BUILTIN).run(x) for graph in (lying, honest))
    np.testing.assert_array_equal(got, wanted)
    with pytest.raises(InputError, match=r"and writes 0\.25"):
        tflite.read(tflite.write(lying), "lying.tflite")


@pytest.mark.parametrize("case", ["transpose_conv", "fully_connected"])
def test_biases_and_weights_that_lie_are_not_read(case: str) -> None:
    graph = graph_of_case(case, "int8")
    quant = graph.tensors["b"].quant
    graph.update("b", quant=QuantParams(tuple(2 * scale for scale in quant.scale), quant.zero_point, quant.axis))
    with pytest.raises(InputError, match="biases have scale"):
        tflite.read(tflite.write(graph), "lying.tflite")


def test_a_constant_that_serves_two_ops_is_read_for_both() -> None:
    def one_buffer(model: Any) -> None:
        (pad, again), tensors = model.subgraphs[0].operators, model.subgraphs[0].tensors
        again.inputs = np.array([again.inputs[0], pad.inputs[1]], np.int32)
        assert tensors[pad.inputs[1]].type == schema.TensorType.INT32

    graph = graph_of_case("pad", "int8")
    graph.append(graph.nodes[0].op, ("y",), Tensor("z", (1, 11, 13, 8), "int8", graph.output.quant))
    graph.outputs = ("z",)
    back = tflite.read(changed(graph, one_buffer), "foreign.tflite")
    assert [node.op for node in back.nodes] == [node.op for node in graph.nodes]
    assert not [name for name in back.tensors if "@" in name and back.consumers(name)]
