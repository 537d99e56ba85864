"""What TFLiteConverter cannot carry is known beforehand."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.graphs import quantized_sr_graph
from kit.one_op import CASES, quantized_one_op_graph

from sr2tflite.export.onnx2tf.fitness import declined
from sr2tflite.numerics.qparams import LARGEST_BIAS_CODE, QuantParams, round_scale

UNFIT = {
    "prelu": "PRELU",
    "relu_0_to_1": "RELU_0_TO_1",
    "tanh": "TANH",
    "space_to_depth": "SPACE_TO_DEPTH",
    "conv_one_channel_groups": "DEPTHWISE_CONV_2D",
}


@pytest.mark.parametrize("case", CASES)
def test_an_op_that_comes_out_otherwise_is_declined_and_the_others_are_not(case: str) -> None:
    found = declined(quantized_one_op_graph(case))
    assert (found and found.where) == ("y" if case in UNFIT else None)
    assert UNFIT.get(case, "") in (found.reason if found else "")


def test_a_bias_that_float32_cannot_carry_is_declined() -> None:
    graph = quantized_sr_graph()
    data = graph.tensors["tail.bias"].data.copy()
    for code, reason in ((LARGEST_BIAS_CODE, None), (-LARGEST_BIAS_CODE - 1, "float32 carries codes to")):
        data[4] = code
        graph.update("tail.bias", data=data.copy())
        found = declined(graph)
        assert (found is None) == (reason is None)
        assert reason is None or (found.where == "tail.bias" and reason in found.reason)


@given(st.floats(2.0**-20, 2.0**10), st.integers(-128, 127))
def test_scales_of_16_bits_survive_their_float32_range_ends(scale: float, zero_point: int) -> None:
    scale = float(round_scale(scale))
    graph = quantized_sr_graph(depth=0)
    graph.update("stem", quant=QuantParams((scale,), (zero_point,)))
    assert declined(graph) is None
    low, high = (np.float32(scale) * np.float32(end - zero_point) for end in (-128, 127))
    assert Fraction(float(high)) - Fraction(float(low)) == 255 * Fraction(scale)


def test_a_scale_of_24_bits_that_moves_is_declined() -> None:
    graph = quantized_sr_graph(depth=0)
    moved = 0
    for step in range(64):
        scale = float(np.float32(0.1) + step * np.spacing(np.float32(0.1)))
        graph.update("stem", quant=QuantParams((scale,), (-77,)))
        ends = [np.float64(np.float32(scale) * np.float32(end + 77)) for end in (-128, 127)]
        survives = np.float32((ends[1] - ends[0]) / 255) == np.float32(scale)
        assert (declined(graph) is None) == survives
        moved += not survives
    assert moved > 0
