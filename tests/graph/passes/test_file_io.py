import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.reference import run_int8

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import tflite
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import Kernels, LiteRT

TYPES = {"int8": np.int8, "uint8": np.uint8, "float32": np.float32}


def test_ends_that_are_not_raw_pixels_are_refused():
    graph = quantized_sr_graph()
    graph.update("output", quant=QuantParams((0.9,), (-128,)))
    with pytest.raises(UnsupportedError, match="expected int8 with scale 1") as caught:
        with_io(graph, "uint8")
    assert caught.value.where == "output"


def test_a_float_graph_is_refused():
    with pytest.raises(UnsupportedError, match="float32"):
        with_io(float_sr_graph(), "int8")


def test_int8_adds_nothing():
    graph = quantized_sr_graph()
    assert with_io(graph, "int8") == graph


def test_the_graph_given_stays_as_it_was():
    graph = quantized_sr_graph()
    before = graph.copy()
    with_io(graph, "uint8")
    assert graph == before


@pytest.mark.parametrize("kernels", list(Kernels), ids=lambda kernels: kernels.value)
@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_raw_pixels_in_are_raw_pixels_out(io: str, kernels: Kernels):
    graph = quantized_sr_graph()
    pixels = np.random.default_rng(0).integers(0, 256, (1, 12, 19, 3))
    inside = LiteRT(tflite.write(graph), kernels).run((pixels - 128).astype(np.int8))
    outside = LiteRT(tflite.write(with_io(graph, io)), kernels).run(pixels.astype(TYPES[io]))
    assert outside.dtype == TYPES[io]
    assert (outside.astype(int) == inside.astype(int) + 128).all()


def test_uint8_ends_equal_the_reference_on_xnnpack():
    graph = quantized_sr_graph()
    pixels = np.random.default_rng(1).integers(0, 256, (1, 12, 19, 3))
    wanted = run_int8(graph, (pixels - 128).astype(np.int8)).astype(int) + 128
    assert (LiteRT(tflite.write(with_io(graph, "uint8"))).run(pixels.astype(np.uint8)) == wanted).all()


def test_each_end_gets_one_op():
    graph = quantized_sr_graph()
    assert with_io(graph, "uint8").summary() == f"QUANTIZE×2 {graph.summary()}"
    assert with_io(graph, "float32").summary() == f"QUANTIZE {graph.summary()} DEQUANTIZE"
