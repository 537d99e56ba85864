"""Files of other tools, and broken ones."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from kit.changed import changed, with_custom_op
from kit.one_op import one_op_graph, quantized_one_op_graph

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import Graph, ops, tflite


def foreign(graph: Graph, change) -> Graph:
    """The graph that another tool's file holds."""
    return tflite.read(changed(graph, change), "foreign.tflite")


def test_an_op_outside_the_set_is_read_as_opaque():
    def to_gelu(model):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.GELU
        model.operatorCodes[0].deprecatedBuiltinCode = 127

    assert foreign(one_op_graph("relu"), to_gelu).nodes[0].op == ops.Opaque("GELU")


def test_a_custom_op_is_read_as_opaque():
    content = with_custom_op(one_op_graph("relu"), "MyShuffle")
    assert tflite.read(content, "foreign.tflite").nodes[0].op == ops.Opaque("MyShuffle")


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
    def to_float64(model):
        model.subgraphs[0].tensors[0].type = schema.TensorType.FLOAT64

    with pytest.raises(UnsupportedError, match="x: is FLOAT64"):
        foreign(one_op_graph("relu"), to_float64)


def test_a_file_without_notes_is_in_pixel_units():
    graph = foreign(one_op_graph("relu"), lambda model: setattr(model, "metadata", None))
    assert (graph.value_range, graph.metadata) == ((0, 255), {})


def set_scale(model, value: float) -> None:
    quantization = model.subgraphs[0].tensors[1].quantization
    quantization.scale = np.full(len(quantization.scale), value, np.float32)


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
    "shape_overflows": (lambda m: set_shape(m, *[2**30] * 6), "at most 2,147,483,647 values"),
    "negative_shape": (lambda m: set_shape(m, -1, -3, 3, 48), "sizes from 1 on"),
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
    with pytest.raises(InputError, match="Tensors, 4294967295 long, lies outside"):
        tflite.read(bytes(data), "bomb.tflite")
