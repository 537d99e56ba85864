import numpy as np
import pytest
from kit.graphs import quantized_sr_graph
from kit.one_op import CASES, one_op_graph, quantized_one_op_graph

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph.validate import validate
from sr2tflite.numerics.qparams import QuantParams


def swap_op(graph: Graph, op: ops.Op) -> None:
    graph.nodes[0] = Node(op, graph.nodes[0].inputs, graph.nodes[0].outputs)


def swap_inputs(graph: Graph, *inputs: str) -> None:
    graph.nodes[0] = Node(graph.nodes[0].op, inputs, graph.nodes[0].outputs)


def set_data(graph: Graph, name: str, data: np.ndarray) -> None:
    graph.update(name, data=data, shape=data.shape, dtype=data.dtype.name)


BROKEN = {
    "unknown_tensor": ("relu", lambda g: swap_inputs(g, "ghost"), "ghost"),
    "read_too_early": ("relu", lambda g: swap_inputs(g, "y"), "before it is written"),
    "written_twice": ("relu", lambda g: g.nodes.append(g.nodes[0]), "written already"),
    "constant_input": ("conv", lambda g: setattr(g, "inputs", ("x", "w")), "is a constant"),
    "unwritten_output": ("relu", lambda g: g.nodes.clear(), "never written"),
    "missing_bias": ("conv", lambda g: swap_inputs(g, "x", "w"), "reads 2 tensors; expected 3"),
    "no_channels": ("relu", lambda g: g.update("x", shape=(1, 5, 7, 0)), "sizes of 1"),
    "huge_size": ("relu", lambda g: g.update("x", shape=(1, 2**40, 7, 8)), "sizes of 1"),
    "other_shape": ("relu", lambda g: g.update("y", shape=(1, 5, 7, 9)), "declares shape"),
    "infinite_weight": ("conv", lambda g: set_data(g, "b", np.full(6, np.inf, np.float32)), "finite"),
    "weight_rank": ("conv", lambda g: set_data(g, "w", np.zeros((6, 3, 8), np.float32)), "rank 4 and 1"),
    "weight_channels": ("conv", lambda g: set_data(g, "w", np.zeros((6, 3, 3, 5), np.float32)), "8 channels"),
    "bias_channels": ("conv", lambda g: set_data(g, "b", np.zeros(5, np.float32)), "6 channels"),
    "stride_0": ("conv", lambda g: swap_op(g, ops.Conv2D(stride=(0, 1))), "stride"),
    "block_3": ("depth_to_space", lambda g: swap_op(g, ops.DepthToSpace(3)), "does not divide 8"),
    "block_0": ("depth_to_space", lambda g: swap_op(g, ops.DepthToSpace(0)), "does not divide"),
    "factor_0": ("resize_nearest", lambda g: swap_op(g, ops.ResizeNearestNeighbor(0)), "factor 0"),
    "axis_4": ("concatenation", lambda g: swap_op(g, ops.Concatenation(4)), "axis 4"),
    "slopes": ("prelu", lambda g: set_data(g, "c", np.zeros((1, 1, 3), np.float32)), "slopes"),
    "no_broadcast": ("add", lambda g: set_data(g, "c", np.zeros(3, np.float32)), "broadcast"),
    "image_rank": ("depth_to_space", lambda g: g.update("x", shape=(5, 7, 8)), "N×H×W×C"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_graph_is_refused(case: str):
    op, change, message = BROKEN[case]
    graph = one_op_graph(op)
    change(graph)
    with pytest.raises(InputError, match=message) as caught:
        validate(graph, "graph")
    assert caught.value.where.startswith("graph")


WRONG_PARAMS = {
    "zero_scale": (QuantParams((0.0,), (0,)), "scale 0.0"),
    "negative_scale": (QuantParams((-1.0,), (0,)), "scale -1.0"),
    "nan_scale": (QuantParams((float("nan"),), (0,)), "scale nan"),
    "not_a_float32": (QuantParams((0.1,), (0,)), "positive finite float32"),
    "zero_point_outside": (QuantParams((1.0,), (128,)), "zero point outside"),
    "too_many_scales": (QuantParams((1.0, 1.0), (0, 0)), "no channel axis"),
    "axis_outside": (QuantParams((1.0,), (0,), 4), "axis 4"),
    "channels": (QuantParams((1.0, 1.0), (0, 0), 3), "2 scales for 8 channels"),
    "zero_points": (QuantParams((1.0,), ()), "1 scales and 0 zero points"),
}


@pytest.mark.parametrize("case", WRONG_PARAMS)
def test_impossible_parameters_are_refused(case: str):
    quant, message = WRONG_PARAMS[case]
    graph = quantized_one_op_graph("relu")
    graph.update("x", quant=quant)
    with pytest.raises(InputError, match=message) as caught:
        validate(graph, "graph")
    assert caught.value.where == "graph: tensor x"


def test_a_float_tensor_has_no_scale():
    graph = one_op_graph("relu")
    graph.update("x", quant=QuantParams((1.0,), (0,)))
    with pytest.raises(InputError, match="is float32 and has a scale"):
        validate(graph, "graph")


@pytest.mark.parametrize("case", CASES)
def test_whole_graphs_pass(case: str):
    validate(one_op_graph(case), "graph")
    validate(quantized_one_op_graph(case), "graph")


def test_a_whole_network_passes():
    validate(quantized_sr_graph(skip="concat"), "graph")
