from dataclasses import replace

import numpy as np
import pytest
from kit.floats import run_float
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.one_op import CASES, quantized_one_op_graph

from sr2tflite.errors import InputError, UnsupportedError, VerificationError
from sr2tflite.export import direct
from sr2tflite.export.checks import check_integers
from sr2tflite.graph import Graph, tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.numerics.qparams import QuantParams, bias_params
from sr2tflite.runtime import LiteRT


def set_scale(graph: Graph, name: str, scale: float) -> None:
    old = graph.tensors[name].quant
    graph.update(name, quant=QuantParams((scale,) * len(old.scale), old.zero_point, old.axis))


def rescale_weight(graph: Graph, scale: float) -> None:
    """The tail's weights, with a bias scale that keeps TFLite's rule."""
    set_scale(graph, "tail.weight", scale)
    x, weight = graph.tensors["trunk"].quant.scale[0], graph.tensors["tail.weight"].quant
    graph.update("tail.bias", quant=bias_params(x, weight))


def small_weight_code(graph: Graph) -> None:
    data = graph.tensors["tail.weight"].data.copy()
    data[0, 0, 0, 0] = -128
    graph.update("tail.weight", data=data)


def huge_bias(graph: Graph) -> None:
    data = graph.tensors["tail.bias"].data.copy()
    data[4] = 2**31 - 1
    graph.update("tail.bias", data=data)


def drop_scale(graph: Graph) -> None:
    graph.update("stem", dtype="float32", quant=None)


REFUSED = {
    "multiplier_too_large": ("add", lambda g: rescale_weight(g, 1024.0), UnsupportedError, "tail.weight"),
    "multiplier_too_small": ("add", lambda g: rescale_weight(g, 2.0**-40), UnsupportedError, "tail.weight"),
    "add_ratio": ("add", lambda g: set_scale(g, "trunk", 2.0**12), UnsupportedError, "trunk"),
    "bias_rule": ("add", lambda g: set_scale(g, "tail.bias", 1.0), VerificationError, "tail.bias"),
    "unequal_concatenation": ("concat", lambda g: set_scale(g, "trunk", 0.5), VerificationError, None),
    "unequal_shuffle": ("add", lambda g: set_scale(g, "tail", 0.5), VerificationError, "tail"),
    "wide_weight": ("add", small_weight_code, VerificationError, "tail.weight"),
    "accumulator": ("add", huge_bias, UnsupportedError, "tail.bias"),
    "float_island": ("add", drop_scale, UnsupportedError, "stem"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_runtime_refuses_is_refused_before_it_is_written(case: str):
    skip, change, error, where = REFUSED[case]
    graph = quantized_sr_graph(skip=skip)
    change(graph)
    with pytest.raises(error) as caught:
        direct.prepare(graph, height=8, width=8, io="int8")
    assert where is None or caught.value.where == where


def test_an_add_that_xnnpack_leaves_is_refused():
    graph = quantized_one_op_graph("add")
    graph.update("y", quant=QuantParams((2.0**-9,), (0,)))
    with pytest.raises(UnsupportedError, match="ratios 512"):
        check_integers(graph)


def slopes_too_far_apart(graph: Graph) -> None:
    graph.update("y", quant=QuantParams((2.0**-9,), (0,)))


def constant_per_channel(graph: Graph) -> None:
    graph.update("c", quant=QuantParams((0.25,) * 8, (0,) * 8, graph.tensors["c"].data.ndim - 1))


REFUSED_ALONE = {
    "prelu": (slopes_too_far_apart, "PRELU has input/output scale ratios 512"),
    "leaky_relu": (slopes_too_far_apart, "LEAKY_RELU has input/output scale ratios 512"),
    "mul": (constant_per_channel, "constant of MUL has a scale per channel"),
    "logistic": (slopes_too_far_apart, "LOGISTIC must write scale 1/256"),
}


@pytest.mark.parametrize("case", REFUSED_ALONE)
def test_an_op_that_would_be_computed_otherwise_is_refused(case: str):
    change, message = REFUSED_ALONE[case]
    graph = quantized_one_op_graph(case)
    change(graph)
    with pytest.raises((UnsupportedError, VerificationError), match=message):
        check_integers(graph)


def test_a_float_graph_is_refused():
    with pytest.raises(InputError, match="is float"):
        direct.prepare(float_sr_graph(), height=8, width=8, io="int8")


def test_a_quantized_graph_is_no_float_file():
    with pytest.raises(InputError, match="is quantized"):
        direct.prepare_float(quantized_sr_graph(), height=8, width=8)


def test_a_size_that_is_not_positive_is_refused():
    with pytest.raises(InputError, match="not positive"):
        direct.prepare(quantized_sr_graph(), height=0, width=8, io="int8")


@pytest.mark.parametrize("case", sorted(CASES.keys() - {"sub", "add", "add_rank_4"}))
def test_whole_ops_pass(case: str):
    check_integers(quantized_one_op_graph(case))


def test_fixed_and_free_files_hold_the_graph():
    graph = quantized_sr_graph(skip="nearest")
    x = np.random.default_rng(0).integers(-128, 128, (1, 10, 15, 3)).astype(np.int8)
    wanted = Interpreter(graph).run(x).tobytes()
    fixed = LiteRT(tflite.write(direct.prepare(graph, height=10, width=15, io="int8")))
    free = LiteRT(tflite.write(direct.prepare(graph, height=None, width=None, io="int8")))
    assert (fixed.fixed_size, free.fixed_size) == ((10, 15), None)
    assert fixed.run(x).tobytes() == free.run(x).tobytes() == wanted


def test_a_float_file_is_in_pixel_units():
    graph = float_sr_graph(value_range=(0, 1))
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 10, 15, 3)).astype(np.float32)
    wanted = 255 * run_float(graph, pixels / 255)["output"]
    data = tflite.write(direct.prepare_float(replace(graph), height=None, width=None))
    assert np.abs(LiteRT(data).run(pixels) - wanted).max() < 1e-3
