"""Networks of other tools: ops of several outputs, ops that leave the image's shape, ops that are refused."""

from dataclasses import replace

import numpy as np
import pytest
from kit.absorbed import graph_of_case
from kit.integer_ops import constant

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, Tensor, ops, tflite
from sr2tflite.graph.shapes import infer_shapes
from sr2tflite.interpret import Interpreter
from sr2tflite.numerics.qparams import QuantParams, bias_params
from sr2tflite.runtime import Kernels, LiteRT

FAMILIES = ("xnnpack", "builtin", "reference")
GRID = QuantParams((1.0,), (-128,))
FINE = QuantParams((0.25,), (-20,))


def weighted(graph: Graph, op: ops.Op, x: str, name: str, shape: tuple[int, ...], quant: QuantParams = FINE) -> str:
    rng = np.random.default_rng(len(graph.tensors))
    scales = QuantParams(tuple(float(np.float32(0.001 * (1 + i))) for i in range(shape[0])), (0,) * shape[0], 0)
    weight = constant(f"{name}.w", rng.integers(-127, 128, shape).astype(np.int8), scales)
    bias = constant(
        f"{name}.b",
        rng.integers(-500, 500, shape[0]).astype(np.int32),
        bias_params(graph.tensors[x].quant.scale[0], scales),
    )
    graph.add_tensor(weight), graph.add_tensor(bias)
    graph.append(op, (x, weight.name, bias.name), Tensor(name, (), "int8", quant))
    return name


def network() -> Graph:
    """Padding, two halves of the channels, one enlarged by TRANSPOSE_CONV, one by RESIZE_BILINEAR, gated by a MEAN."""
    graph = Graph(name="foreign", inputs=("x",), outputs=("y",))
    graph.add_tensor(Tensor("x", (1, 7, 10, 3), "int8", GRID))
    graph.append(ops.Pad(((0, 0), (1, 1), (1, 1), (0, 0))), ("x",), Tensor("padded", (), "int8", GRID))
    wide = weighted(graph, ops.Conv2D(padding="VALID", activation="RELU"), "padded", "wide", (8, 3, 3, 3))
    for half in ("left", "right"):
        graph.add_tensor(Tensor(half, (), "int8", FINE))
    graph.nodes.append(Node(ops.Split(3, 2), (wide,), ("left", "right")))
    up = weighted(graph, ops.TransposeConv(), "left", "up", (4, 4, 4, 4))
    graph.append(ops.ResizeBilinear((14, 20), False, True), ("right",), Tensor("smooth", (), "int8", FINE))
    graph.append(ops.Add(), (up, "smooth"), Tensor("sum", (), "int8", FINE))
    graph.append(ops.Mean((1, 2), keep_dims=False), ("sum",), Tensor("mean", (), "int8", FINE))
    gate = weighted(graph, ops.FullyConnected(), "mean", "gate", (4, 4))
    graph.append(ops.Reshape((1, 1, 1, 4)), (gate,), Tensor("gate4", (), "int8", FINE))
    graph.append(ops.Mul(), ("sum", "gate4"), Tensor("gated", (), "int8", QuantParams((4.0,), (0,))))
    graph.append(
        ops.StridedSlice((0, 1, 0, 0), (1, -1, 20, 4), (1, 1, 2, 1)),
        ("gated",),
        Tensor("cut", (), "int8", QuantParams((4.0,), (0,))),
    )
    graph.append(ops.Transpose((0, 3, 1, 2)), ("cut",), Tensor("y", (), "int8", QuantParams((4.0,), (0,))))
    infer_shapes(graph)
    return graph


@pytest.mark.parametrize("family", FAMILIES)
def test_a_foreign_network_is_the_runtimes_byte_for_byte(family: str) -> None:
    graph = tflite.read(tflite.write(network()), "foreign.tflite")
    assert graph == network()
    for seed in range(20):
        x = np.random.default_rng(seed).integers(-128, 128, graph.input.shape).astype(np.int8)
        wanted = LiteRT(tflite.write(graph), Kernels(family)).run(x)
        assert np.count_nonzero(Interpreter(graph, family).run(x) != wanted) == 0  # type: ignore[arg-type]
        assert len(np.unique(wanted)) > 10


def test_every_output_of_a_split_has_its_name() -> None:
    graph, x = network(), np.random.default_rng(0).integers(-128, 128, (1, 7, 10, 3)).astype(np.int8)
    found = dict(Interpreter(graph).activations(x))
    assert [name for name in found if name in ("left", "right")] == ["left", "right"]
    for name in ("left", "right", "mean", "gate"):
        part = replace(graph.copy(), outputs=(name,))
        part.nodes = graph.nodes[: 1 + next(i for i, node in enumerate(graph.nodes) if name in node.outputs)]
        np.testing.assert_array_equal(LiteRT(tflite.write(part)).run(x), found[name])


def test_an_output_of_a_split_may_be_given() -> None:
    graph, x = network(), np.random.default_rng(0).integers(-128, 128, (1, 7, 10, 3)).astype(np.int8)
    interpreter = Interpreter(graph)
    plain = dict(interpreter.activations(x))
    given = dict(interpreter.activations(x, {"right": np.full_like(plain["right"], 7)}))
    assert (given["right"] == 7).all()
    np.testing.assert_array_equal(given["left"], plain["left"])
    assert (given["smooth"] == 7).all()


def test_an_opaque_op_amid_a_network_is_listed_and_refused_by_name() -> None:
    graph = network()
    at = next(index for index, node in enumerate(graph.nodes) if isinstance(node.op, ops.Split))
    graph.nodes[at] = Node(ops.Opaque("UNPACK"), graph.nodes[at].inputs, graph.nodes[at].outputs)
    assert graph.counts()["UNPACK"] == 1
    for refuse in (lambda: Interpreter(graph), lambda: tflite.write(graph)):
        with pytest.raises(UnsupportedError, match="op UNPACK") as caught:
            refuse()
        assert caught.value.where == "left, right"


def test_a_large_multiplier_is_refused_by_kernels_that_shift() -> None:
    graph = graph_of_case("transpose_conv", "int8")
    graph.update("y", quant=QuantParams((2.0**-40,), (0,)))
    for family in ("builtin", "reference"):
        with pytest.raises(UnsupportedError, match=r"expected under 2\^30"):
            Interpreter(graph, family)  # type: ignore[arg-type]


def test_a_reference_matrix_product_beyond_int32_is_refused() -> None:
    graph = graph_of_case("fully_connected", "int8")
    graph.update("y", quant=QuantParams((2.0**-28,), (0,)))
    with pytest.raises(UnsupportedError, match="not modeled beyond int32"):
        Interpreter(graph, "reference")


def test_a_mean_onto_a_grid_that_is_far_finer_is_refused_where_it_is_not_modeled() -> None:
    graph = graph_of_case("mean", "int8")
    graph.update("y", quant=QuantParams((2.0**-30,), (0,)))
    with pytest.raises(UnsupportedError, match="not modeled from"):
        Interpreter(graph, "builtin")
    x = np.random.default_rng(0).integers(-128, 128, graph.input.shape).astype(np.int8)
    np.testing.assert_array_equal(Interpreter(graph).run(x), LiteRT(tflite.write(graph)).run(x))


def test_a_resize_that_reads_outside_the_image_is_refused() -> None:
    """The integer kernel of TFLite steps by a rounded ratio: after thousands of steps it leaves the image."""
    graph = graph_of_case("resize_bilinear", "int8")
    graph.nodes[0] = Node(ops.ResizeBilinear((5, 4000)), ("x",), ("y",))
    infer_shapes(graph)
    x = np.zeros(graph.input.shape, np.int8)
    assert Interpreter(graph).run(x).shape == (1, 5, 4000, 8)
    with pytest.raises(UnsupportedError, match="reads value 7 of 7"):
        Interpreter(graph, "builtin").run(x)
