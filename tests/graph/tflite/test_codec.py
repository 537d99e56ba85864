import json

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from kit.floats import run_float
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.one_op import CASES, one_op_graph, quantized_one_op_graph

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, Tensor, ops, tflite
from sr2tflite.graph.shapes import with_size
from sr2tflite.interpret import Interpreter
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
        wanted = Interpreter(graph).run(x).tobytes()
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


def test_scalars_and_single_channels_keep_their_form():
    graph = quantized_one_op_graph("conv_1x1_valid")
    graph.add_tensor(Tensor("scalar", (), "float32", None, np.array(2, np.float32)))
    back = tflite.read(tflite.write(graph), "model.tflite")
    assert back == graph
    assert back.tensors["w"].quant.axis == 0
