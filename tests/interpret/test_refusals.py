"""What no kernel runs, or not twice alike, is refused by name, before anything is computed."""

from collections.abc import Callable

import numpy as np
import pytest
from kit.one_op import quantized_one_op_graph

from sr2tflite.errors import InputError, Sr2TfliteError, UnsupportedError, VerificationError
from sr2tflite.graph import Graph, tflite
from sr2tflite.interpret import Family, Interpreter
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import Kernels, LiteRT


def with_scale(name: str, scale: float) -> Callable[[Graph], None]:
    def change(graph: Graph) -> None:
        old = graph.tensors[name].quant
        assert old is not None
        graph.update(name, quant=QuantParams((scale,) * len(old.scale), old.zero_point, old.axis))

    return change


def as_uint8(graph: Graph) -> None:
    graph.update("y", dtype="uint8")


def as_int16(graph: Graph) -> None:
    graph.update("y", dtype="int16")


REFUSED: dict[str, tuple[str, Callable[[Graph], None], Family, type[Sr2TfliteError], str, str]] = {
    "denormal": ("add", with_scale("y", 2.0**-127), "reference", UnsupportedError, "y", "expected a normal float32"),
    "conv factor": ("conv", with_scale("y", 2.0**-44), "reference", UnsupportedError, "CONV_2D y", "under 2\\^30"),
    "mul factor": ("mul", with_scale("y", 2.0**-32), "reference", UnsupportedError, "MUL y", "multiplies by 1.07e"),
    "relu factor": ("relu", with_scale("y", 2.0**-30), "builtin", UnsupportedError, "RELU y", "under 2\\^30"),
    "slope factor": ("prelu", with_scale("c", 2.0**29), "builtin", UnsupportedError, "PRELU y", "under 2\\^30"),
    "leaky factor": ("leaky_relu", with_scale("y", 2.0**-30), "builtin", UnsupportedError, "LEAKY_RELU y", "2\\^30"),
    "sum ratio": ("add", with_scale("y", 2.0**-19), "builtin", UnsupportedError, "ADD y", "under 2\\^19"),
    "difference ratio": ("sub", with_scale("y", 2.0**-19), "builtin", UnsupportedError, "SUB y", "under 2\\^19"),
    "hard swish": ("hard_swish", with_scale("y", 2.0**-8), "xnnpack", UnsupportedError, "HARD_SWISH y", "under 128"),
    "activation": ("mul", with_scale("y", 2.0**-29), "builtin", UnsupportedError, "MUL y", "RELU6 ends 3.22e"),
    "two types": ("relu", as_uint8, "xnnpack", VerificationError, "y", "mixes int8 and uint8"),
    "other type": ("hard_swish", as_int16, "xnnpack", UnsupportedError, "y", "has a int16 tensor; expected int8"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_kernel_runs_is_refused(name: str) -> None:
    case, change, family, error, where, message = REFUSED[name]
    graph = quantized_one_op_graph(case)
    Interpreter(graph, family)
    change(graph)
    with pytest.raises(error, match=message) as caught:
        Interpreter(graph, family)
    assert caught.value.where == where


@pytest.mark.parametrize("name", ["hard swish", "activation"])
def test_the_runtime_refuses_it_too(name: str) -> None:
    case, change, family, *_ = REFUSED[name]
    graph = quantized_one_op_graph(case)
    change(graph)
    with pytest.raises(InputError, match="refuses"):
        LiteRT(tflite.write(graph), Kernels(family))


@pytest.mark.parametrize("family", ["builtin", "reference"])
@pytest.mark.parametrize(
    ("case", "scale"), [("add", 2.0**-18), ("mul", 2.0**-27), ("prelu", 2.0**-20), ("conv", 2.0**-20)]
)
def test_steep_ops_are_the_runtimes_up_to_there(case: str, scale: float, family: Family) -> None:
    graph = quantized_one_op_graph(case)
    with_scale("y", scale)(graph)
    x = np.random.default_rng(0).integers(-128, 128, graph.input.shape).astype(np.int8)
    wanted = LiteRT(tflite.write(graph), Kernels(family)).run(x)
    assert np.count_nonzero(Interpreter(graph, family).run(x) != wanted) == 0
