import numpy as np
import onnx
import onnxruntime
import pytest
from kit.floats import run_float
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.one_op import CASES, one_op_graph, quantized_one_op_graph
from onnx import numpy_helper

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import Node, Tensor, ops, tflite
from sr2tflite.graph import onnx as codec
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.interpret import Interpreter
from sr2tflite.runtime import Kernels, LiteRT

SKIPS = ("none", "add", "concat", "nearest")
SIZES = {"free": (None, None), "fixed": (20, 31)}
MAKERS = {"float": float_sr_graph, "quantized": quantized_sr_graph}
BOTH = pytest.mark.parametrize("make", [one_op_graph, quantized_one_op_graph], ids=["float", "int8"])


def run(data: bytes, image_NHWC: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    (result,) = session.run(None, {entry.name: image_NHWC.transpose(0, 3, 1, 2).astype(np.float32)})
    return result.transpose(0, 2, 3, 1)


@pytest.mark.parametrize("skip", SKIPS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("maker", MAKERS)
def test_a_network_comes_back_as_it_was(maker: str, size: str, skip: str):
    graph = MAKERS[maker](skip=skip, size=SIZES[size])
    data = codec.write(graph)
    back = codec.read(data, "model.onnx")
    assert back == graph
    assert codec.write(back) == data
    assert tflite.write(back) == tflite.write(graph)


@BOTH
@pytest.mark.parametrize("case", CASES)
def test_every_op_comes_back_as_it_was(make, case: str):
    graph = make(case)
    data = codec.write(graph)
    back = codec.read(data, "model.onnx")
    assert back == graph
    assert codec.write(back) == data


@BOTH
@pytest.mark.parametrize("case", CASES)
def test_every_op_is_checked_and_computes_what_the_tflite_file_does(make, case: str):
    graph = make(case)
    data = codec.write(graph)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    x = np.random.default_rng(1).integers(-128, 128, graph.input.shape).astype(graph.input.dtype)
    wanted = LiteRT(tflite.write(graph), Kernels.REFERENCE).run(x).astype(np.float64)
    step = 1e-3
    if graph.output.quant is not None:
        step = graph.output.quant.scale[0]  # each runtime rounds in its own way, by a code at most
        wanted = (wanted - graph.output.quant.zero_point[0]) * step
        x = x.astype(np.float32) + 128
    assert np.abs(run(data, x) - wanted).max() <= step


@pytest.mark.parametrize("skip", SKIPS)
def test_qdq_takes_and_gives_pixels(skip: str):
    graph = quantized_sr_graph(skip=skip)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 11, 17, 3))
    wanted = Interpreter(graph).run((pixels - 128).astype(np.int8)).astype(int) + 128
    assert np.abs(run(codec.write(graph), pixels) - wanted).max() <= 1


def test_the_float_file_computes_the_float_graph():
    graph = float_sr_graph(skip="concat", value_range=(0, 1))
    image = np.random.default_rng(0).uniform(0, 1, (1, 11, 17, 3)).astype(np.float32)
    assert np.abs(run(codec.write(graph), image) - run_float(graph, image)["output"]).max() < 1e-5


def test_qdq_is_standard():
    graph = quantized_sr_graph(skip="add", depth=1)
    content = onnx.load_from_string(codec.write(graph)).graph
    assert [node.op_type for node in content.node if node.name in ("input@quantized", "output")] == [
        "QuantizeLinear",
        "DequantizeLinear",
    ]
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in content.initializer}
    assert arrays["stem.weight@quantized"].dtype == np.int8
    assert arrays["stem.weight@scale"].shape == (8,)
    assert arrays["stem.bias@quantized"].dtype == np.int32
    assert (arrays["input@scale"], arrays["input@zero_point"]) == (1, -128)


def test_free_sizes_have_names():
    content = onnx.load_from_string(codec.write(float_sr_graph())).graph
    dims = content.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == [1, 3, "input_height", "input_width"]


@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_other_ends_come_back_as_they_were(io: str):
    graph = with_io(quantized_sr_graph(), io)
    assert codec.read(codec.write(graph), "model.onnx") == graph


def test_a_relu_of_its_own_is_not_a_fused_one():
    graph = one_op_graph("conv")
    graph.append(ops.Relu(), ("y",), Tensor("z", graph.output.shape))
    graph.outputs = ("z",)
    assert codec.read(codec.write(graph), "model.onnx") == graph


def test_equal_graphs_give_equal_bytes_whatever_the_order_they_were_built_in():
    graph = quantized_sr_graph()
    shuffled = graph.copy()
    shuffled.tensors = dict(reversed(list(graph.tensors.items())))
    assert codec.write(shuffled) == codec.write(graph)


def test_an_opaque_op_is_refused_by_name():
    graph = one_op_graph("relu")
    graph.nodes[0] = Node(ops.Opaque("GELU"), ("x",), ("y",))
    with pytest.raises(UnsupportedError, match="GELU"):
        codec.write(graph)


def test_a_name_that_the_file_needs_is_refused():
    graph = one_op_graph("relu")
    graph.constant("x@raw", np.ones(1, np.float32))
    with pytest.raises(InputError, match="ending"):
        codec.write(graph)


def changed(graph, change) -> bytes:
    model = onnx.load_from_string(codec.write(graph))
    change(model)
    return model.SerializeToString()


def set_op(model, op_type: str) -> None:
    model.graph.node[0].op_type = op_type


def set_attribute(model, name: str, value: object) -> None:
    (old,) = [a for a in model.graph.node[0].attribute if a.name == name]
    old.CopyFrom(onnx.helper.make_attribute(name, value))


def clear_attribute(model, name: str) -> None:
    (old,) = [a for a in model.graph.node[0].attribute if a.name == name]
    old.ClearField("ints")


def free_batch(model) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"


def replace_initializer(model, name: str, value: np.ndarray) -> None:
    (old,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    old.CopyFrom(numpy_helper.from_array(value, name))


def to_external(model) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


UNSUPPORTED = {
    "gelu": ("relu", lambda m: set_op(m, "Gelu"), "Gelu"),
    "foreign_domain": ("relu", lambda m: setattr(m.graph.node[0], "domain", "com.microsoft"), "com.microsoft.Relu"),
    "crd_shuffle": ("depth_to_space", lambda m: set_attribute(m, "mode", "CRD"), "DepthToSpace"),
    "odd_pads": ("conv", lambda m: set_attribute(m, "pads", [0, 1, 2, 1]), "Conv"),
    "wrong_group": ("conv", lambda m: set_attribute(m, "group", 2), "Conv"),
    "linear_resize": ("resize_nearest", lambda m: set_attribute(m, "mode", "linear"), "Resize"),
    "text_for_strides": ("conv", lambda m: set_attribute(m, "strides", "two"), "Conv"),
    "float_strides": ("conv", lambda m: set_attribute(m, "strides", [1.0, 1.0]), "Conv"),
    "no_dilations": ("conv", lambda m: clear_attribute(m, "dilations"), "Conv"),
    "float_block": ("depth_to_space", lambda m: set_attribute(m, "blocksize", 2.0), "DepthToSpace"),
    "float_pads": ("conv", lambda m: set_attribute(m, "pads", [1.0, 1.0, 1.0, 1.0]), "Conv"),
    "old_opset": ("relu", lambda m: setattr(m.opset_import[0], "version", 9), "opset 9"),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_what_the_writer_does_not_emit_is_refused_by_name(case: str):
    op, change, message = UNSUPPORTED[case]
    with pytest.raises(UnsupportedError, match=message) as caught:
        codec.read(changed(one_op_graph(op), change), "foreign.onnx")
    assert caught.value.exit_status == 6


WRONG = {
    "free_batch": ("conv", free_batch, "batch"),
    "nan_weights": ("conv", lambda m: replace_initializer(m, "b", np.full(6, np.nan, np.float32)), "finite"),
    "short_bias": ("conv", lambda m: replace_initializer(m, "b", np.zeros(5, np.float32)), "bias"),
    "external_data": ("conv", to_external, "another file"),
    "no_graph": ("relu", lambda m: m.ClearField("graph"), "no graph"),
    "unknown_input": ("relu", lambda m: m.graph.node[0].input.__setitem__(0, "ghost"), "ghost"),
    "huge_dims": ("conv", lambda m: m.graph.initializer[0].dims.__setitem__(0, 2**62), "bytes"),
    "odd_notes": ("relu", lambda m: setattr(m.metadata_props[0], "value", "[1]"), "damaged"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_broken_file_says_what_is_broken(case: str):
    op, change, message = WRONG[case]
    with pytest.raises(InputError, match=message) as caught:
        codec.read(changed(one_op_graph(op), change), "broken.onnx")
    assert "broken.onnx" in caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf])
@pytest.mark.parametrize("name", ["y@scale", "w@scale"])
def test_an_impossible_scale_is_refused(name: str, scale: float):
    shape = () if name == "y@scale" else (6,)
    data = changed(
        quantized_one_op_graph("conv"), lambda m: replace_initializer(m, name, np.full(shape, scale, np.float32))
    )
    with pytest.raises(InputError, match="scale"):
        codec.read(data, "broken.onnx")
