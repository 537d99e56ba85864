import json

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.one_op import CASES, one_op_graph, quantized_one_op_graph
from kit.reference import run_float, run_int8

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import Graph, Node, Tensor, ops, tflite
from sr2tflite.graph.shapes import with_size
from sr2tflite.runtime import Kernels, LiteRT

SKIPS = ("none", "add", "concat", "nearest")
SIZES = {"free": (None, None), "fixed": (20, 31)}
MAKERS = {"float": float_sr_graph, "quantized": quantized_sr_graph}
SHAPES = ((1, 1), (2, 5), (24, 24), (37, 53))


def random_codes(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(-128, 128, (1, height, width, 3)).astype(np.int8)


@pytest.mark.parametrize("skip", SKIPS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("maker", MAKERS)
def test_a_network_comes_back_as_it_was(maker: str, size: str, skip: str):
    graph = MAKERS[maker](skip=skip, size=SIZES[size])
    data = tflite.write(graph)
    back = tflite.read(data, "model.tflite")
    assert back == graph
    assert tflite.write(back) == data


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("make", [one_op_graph, quantized_one_op_graph], ids=["float", "int8"])
def test_every_op_comes_back_as_it_was(make, case: str):
    graph = make(case)
    data = tflite.write(graph)
    back = tflite.read(data, "model.tflite")
    assert back == graph
    assert tflite.write(back) == data


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("make", [one_op_graph, quantized_one_op_graph], ids=["float", "int8"])
def test_every_op_runs_on_every_kernel_family(make, case: str):
    graph = make(case)
    x = np.random.default_rng(1).integers(-128, 128, graph.input.shape).astype(graph.input.dtype)
    outputs = [LiteRT(tflite.write(graph), kernels).run(x).astype(np.float64) for kernels in Kernels]
    step = 1e-3 if graph.output.quant is None else 1  # kernel families round differently, by a code at most
    assert all(output.shape == graph.output.shape for output in outputs)
    assert max(np.abs(output - outputs[0]).max() for output in outputs) <= step


@pytest.mark.parametrize("skip", SKIPS)
def test_xnnpack_computes_what_numerics_says_at_fixed_and_free_shape(skip: str):
    graph = quantized_sr_graph(skip=skip)
    free = LiteRT(tflite.write(graph))
    assert free.fixed_size is None
    for height, width in SHAPES:
        x = random_codes(height, width)
        wanted = run_int8(graph, x).tobytes()
        fixed = LiteRT(tflite.write(with_size(graph, height, width)))
        assert fixed.fixed_size == (height, width)
        assert free.run(x).tobytes() == wanted
        assert fixed.run(x).tobytes() == wanted


@pytest.mark.parametrize("kernels", [Kernels.BUILTIN, Kernels.REFERENCE])
def test_fixed_and_free_shape_agree_on_the_other_kernels_too(kernels: Kernels):
    graph = quantized_sr_graph(skip="nearest")
    free = LiteRT(tflite.write(graph), kernels)
    for height, width in SHAPES:
        x = random_codes(height, width)
        fixed = LiteRT(tflite.write(with_size(graph, height, width)), kernels)
        assert free.run(x).tobytes() == fixed.run(x).tobytes()


def test_a_float_file_computes_the_float_graph():
    graph = float_sr_graph()
    image = np.random.default_rng(0).uniform(0, 255, (1, 9, 14, 3)).astype(np.float32)
    wanted = run_float(graph, image)["output"]
    for kernels in Kernels:
        assert np.abs(LiteRT(tflite.write(graph), kernels).run(image) - wanted).max() < 1e-3


def test_a_free_shape_file_has_no_shape_arithmetic():
    data = tflite.write(quantized_sr_graph(skip="nearest"))
    model = schema.ModelT.InitFromPackedBuf(data)
    assert {code.builtinCode for code in model.operatorCodes} == {
        schema.BuiltinOperator.CONV_2D,
        schema.BuiltinOperator.ADD,
        schema.BuiltinOperator.DEPTH_TO_SPACE,
    }
    x = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    assert (x.shape.tolist(), x.shapeSignature.tolist()) == ([1, 1, 1, 3], [1, -1, -1, 3])


def test_versions_are_the_lowest_for_the_types():
    def versions(graph: Graph) -> dict[int, int]:
        codes = schema.ModelT.InitFromPackedBuf(tflite.write(graph)).operatorCodes
        return {code.builtinCode: code.version for code in codes}

    builtin = schema.BuiltinOperator
    assert versions(quantized_sr_graph(skip="concat")) == {
        builtin.CONV_2D: 3,
        builtin.CONCATENATION: 2,
        builtin.DEPTH_TO_SPACE: 1,
    }
    assert versions(float_sr_graph()) == {builtin.CONV_2D: 1, builtin.ADD: 1, builtin.DEPTH_TO_SPACE: 1}


def test_the_runtime_sees_the_scales_that_were_written():
    graph = quantized_sr_graph()
    interpreter = LiteRT(tflite.write(graph), Kernels.REFERENCE)._interpreter
    for detail in interpreter.get_tensor_details():
        wanted = graph.tensors[detail["name"]].quant
        found = detail["quantization_parameters"]
        assert tuple(found["scales"].tolist()) == wanted.scale
        assert tuple(found["zero_points"].tolist()) == wanted.zero_point
        assert found["quantized_dimension"] == (wanted.axis or 0)


def test_weights_lie_at_multiples_of_sixteen():
    graph = quantized_sr_graph()
    data = tflite.write(graph)
    for tensor in graph.tensors.values():
        if tensor.is_constant and tensor.data.nbytes > 64:
            assert data.index(tensor.data.tobytes()) % 16 == 0


def test_equal_graphs_give_equal_bytes_whatever_the_order_they_were_built_in():
    graph = quantized_sr_graph()
    shuffled = graph.copy()
    shuffled.tensors = dict(reversed(list(graph.tensors.items())))
    assert tflite.write(shuffled) == tflite.write(graph)


def test_the_notes_travel_in_the_metadata_table():
    graph = float_sr_graph(value_range=(0, 1))
    graph.metadata["sänger"] = "Ω"
    model = schema.ModelT.InitFromPackedBuf(tflite.write(graph))
    (entry,) = model.metadata
    content = json.loads(bytes(model.buffers[entry.buffer].data))
    assert entry.name == b"sr2tflite"
    assert content["value_range"] == [0, 1]
    assert content["metadata"]["sänger"] == "Ω"


def test_an_unused_tensor_survives():
    graph = float_sr_graph()
    graph.constant("left over", np.ones(3, np.float32))
    assert tflite.read(tflite.write(graph), "model.tflite") == graph


def test_a_resize_has_no_free_shape():
    with pytest.raises(UnsupportedError, match="RESIZE_NEAREST_NEIGHBOR"):
        tflite.write(one_op_graph("resize_nearest", height=None, width=None))


def test_an_opaque_op_is_refused_by_name():
    graph = one_op_graph("relu")
    graph.nodes[0] = Node(ops.Opaque("GELU"), ("x",), ("y",))
    with pytest.raises(UnsupportedError, match="GELU") as caught:
        tflite.write(graph)
    assert (caught.value.where, caught.value.exit_status) == ("y", 6)


def changed(graph: Graph, change) -> bytes:
    """A file of ours, changed through the schema's own objects."""
    model = schema.ModelT.InitFromPackedBuf(tflite.write(graph))
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def foreign(graph: Graph, change) -> Graph:
    """The graph that another tool's file holds."""
    return tflite.read(changed(graph, change), "foreign.tflite")


def test_an_op_outside_the_set_is_read_as_opaque():
    def to_gelu(model):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.GELU
        model.operatorCodes[0].deprecatedBuiltinCode = 127

    assert foreign(one_op_graph("relu"), to_gelu).nodes[0].op == ops.Opaque("GELU")


def test_a_custom_op_is_read_as_opaque():
    def to_custom(model):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
        model.operatorCodes[0].customCode = "MyShuffle"

    assert foreign(one_op_graph("relu"), to_custom).nodes[0].op == ops.Opaque("MyShuffle")


def test_a_known_op_with_attributes_outside_the_set_is_read_as_opaque():
    def to_tanh(model):
        model.subgraphs[0].operators[0].builtinOptions.fusedActivationFunction = 4

    assert foreign(one_op_graph("add"), to_tanh).nodes[0].op == ops.Opaque("ADD")


def test_a_convolution_without_bias_is_read_as_opaque():
    def drop_bias(model):
        model.subgraphs[0].operators[0].inputs = np.array([0, 1, -1], np.int32)

    assert foreign(one_op_graph("conv"), drop_bias).nodes[0].op == ops.Opaque("CONV_2D")


def test_a_negative_concatenation_axis_counts_from_the_end():
    def to_last(model):
        model.subgraphs[0].operators[0].builtinOptions.axis = -1

    assert foreign(one_op_graph("concatenation"), to_last).nodes[0].op == ops.Concatenation(3)


def test_names_that_are_taken_twice_are_told_apart():
    def one_name(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.name = "same"

    assert len(foreign(one_op_graph("conv"), one_name).tensors) == 4


def test_a_tensor_type_outside_the_graph_is_refused_by_name():
    def to_int16(model):
        model.subgraphs[0].tensors[0].type = schema.TensorType.INT16

    with pytest.raises(UnsupportedError, match="x: is INT16"):
        foreign(one_op_graph("relu"), to_int16)


def test_a_file_without_notes_is_in_pixel_units():
    graph = foreign(one_op_graph("relu"), lambda model: setattr(model, "metadata", None))
    assert (graph.value_range, graph.metadata) == ((0, 255), {})


def test_scalars_and_single_channels_keep_their_form():
    graph = quantized_one_op_graph("conv_1x1_valid")
    graph.add_tensor(Tensor("scalar", (), "float32", None, np.array(2, np.float32)))
    back = tflite.read(tflite.write(graph), "model.tflite")
    assert back == graph
    assert back.tensors["w"].quant.axis == 0


def set_scale(model, value: float) -> None:
    model.subgraphs[0].tensors[1].quantization.scale[0] = value


def set_shape(model, *shape: int) -> None:
    model.subgraphs[0].tensors[1].shape = np.array(shape, np.int32)


def first_op(model):
    return model.subgraphs[0].operators[0]


def set_notes(model, text: bytes) -> None:
    model.buffers[model.metadata[0].buffer].data = np.frombuffer(text, np.uint8)


BROKEN = {
    "two_subgraphs": (lambda m: m.subgraphs.append(m.subgraphs[0]), "2 subgraphs"),
    "input_index": (lambda m: setattr(first_op(m), "inputs", np.array([0, 99, 2], np.int32)), "tensor 99 of 4"),
    "negative_index": (lambda m: setattr(first_op(m), "outputs", np.array([-7], np.int32)), "tensor -7 of 4"),
    "op_code_index": (lambda m: setattr(first_op(m), "opcodeIndex", 9), "damaged"),
    "buffer_index": (lambda m: setattr(m.subgraphs[0].tensors[1], "buffer", 9), "damaged"),
    "graph_output": (lambda m: setattr(m.subgraphs[0], "outputs", np.array([4], np.int32)), "tensor 4 of 4"),
    "shape_too_large": (lambda m: set_shape(m, 6, 3, 3, 9), "432 bytes; expected 486"),
    "shape_overflows": (lambda m: set_shape(m, *[2**30] * 6), "bytes"),
    "negative_shape": (lambda m: set_shape(m, -1, -3, 3, 48), "bytes"),
    "zero_scale": (lambda m: set_scale(m, 0), "scale 0.0"),
    "negative_scale": (lambda m: set_scale(m, -0.5), "scale -0.5"),
    "nan_scale": (lambda m: set_scale(m, np.nan), "scale nan"),
    "zero_stride": (lambda m: setattr(first_op(m).builtinOptions, "strideH", 0), "stride"),
    "another_ops_options": (lambda m: setattr(first_op(m), "builtinOptionsType", 11), "another op's options"),
    "data_in_an_activation": (lambda m: setattr(m.subgraphs[0].tensors[3], "buffer", 1), "holds data"),
    "notes_are_no_json": (lambda m: set_notes(m, b"{"), "metadata"),
    "notes_are_a_list": (lambda m: set_notes(m, b"[1]"), "metadata"),
    "notes_of_numbers": (lambda m: set_notes(m, b'{"metadata":{"a":1}}'), "metadata"),
    "endless_range": (lambda m: set_notes(m, b'{"value_range":[0,1e999]}'), "metadata"),
    "half_a_character": (lambda m: set_notes(m, b'{"metadata":{"a":"\\ud800"}}'), "metadata"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_says_what_is_broken(case: str):
    change, message = BROKEN[case]
    with pytest.raises(InputError, match=message) as caught:
        tflite.read(changed(quantized_one_op_graph("conv"), change), "broken.tflite")
    assert caught.value.where.startswith("broken.tflite")
    assert caught.value.hint


def test_a_small_file_cannot_claim_a_large_graph():
    data = bytearray(tflite.write(one_op_graph("relu")))
    subgraph = schema.Model.GetRootAs(data, 0).Subgraphs(0)._tab
    length = subgraph.Vector(subgraph.Offset(4)) - 4  # of the tensors' vector
    data[length : length + 4] = (2**32 - 1).to_bytes(4, "little")
    with pytest.raises(InputError, match="more is claimed"):
        tflite.read(bytes(data), "bomb.tflite")
