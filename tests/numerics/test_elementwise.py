"""The arithmetic of elementwise ops is LiteRT's, on files of one op with any scales, zero points and constants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.one_op import CHANNELS, all_codes, int8_graph, int8_graph_of_two

from sr2tflite.graph import Graph, Op, ops, tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.numerics.elementwise import LOGISTIC_PARAMS, leaky_relu_is_delegated
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import LiteRT

EXPONENTS = st.floats(-12, 5)
ZEROS = st.integers(-128, 127)
SEEDS = st.integers(0, 2**32 - 1)
FUSED = st.sampled_from(["NONE", "RELU"])


def params(exponent: float, zero_point: int) -> QuantParams:
    return QuantParams((float(np.float32(2.0**exponent)),), (zero_point,))


def constant(seed: int, params: QuantParams, shape: tuple[int, ...]) -> tuple[np.ndarray, QuantParams]:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8), params


GRIDS = st.builds(params, EXPONENTS, ZEROS)


def beside(scale: float, exponent: float, zero_point: int) -> QuantParams:
    """A grid whose scale is 2^exponent times another."""
    return QuantParams((float(np.float32(scale * 2.0**exponent)),), (zero_point,))


def assert_as_on_device(graph: Graph, *, delegated: bool | None = None) -> None:
    x, engine = all_codes(), LiteRT(tflite.write(graph))
    np.testing.assert_array_equal(Interpreter(graph).run(x), engine.run(x))
    if delegated is not None:
        assert any(op["op_name"] == "DELEGATE" for op in engine.plan()) == delegated


@given(x=GRIDS, ratio=st.floats(-7.9, 16), zero=ZEROS, slope=st.builds(params, st.floats(-16, 2), ZEROS), seed=SEEDS)
def test_prelu(x: QuantParams, ratio: float, zero: int, slope: QuantParams, seed: int) -> None:
    y = beside(x.scale[0] * max(1.0, slope.scale[0]), ratio, zero)
    assert_as_on_device(int8_graph(ops.PRelu(), x, y, constant(seed, slope, (1, 1, CHANNELS))), delegated=False)


@given(x=GRIDS, ratio=st.floats(-7.9, 16), zero=ZEROS, alpha=st.floats(-1.5, 1.5) | st.floats(-0.02, 0.02))
def test_leaky_relu_with_either_kernel(x: QuantParams, ratio: float, zero: int, alpha: float) -> None:
    y, alpha = beside(x.scale[0], ratio, zero), float(np.float32(alpha))
    delegated = leaky_relu_is_delegated(alpha, x.scale[0], y.scale[0])
    assert_as_on_device(int8_graph(ops.LeakyRelu(alpha), x, y), delegated=delegated)


EDGES = {
    "smallest gain": (2.0**-8, 1.0, True),
    "under it": (0.99 * 2.0**-8, 1.0, False),
    "largest gain": (128.0, 0.5, True),
    "over it": (129.0, 0.5, False),
    "smallest slope": (1.0, -(2.0**-8), True),
    "no slope": (1.0, 0.0, False),
    "steepest negative slope": (1.0, -127.99, True),
    "one too steep": (1.0, -128.0, False),
}


@pytest.mark.parametrize("name", EDGES)
def test_leaky_relu_at_the_limits_of_the_delegate(name: str) -> None:
    ratio, alpha, taken = EDGES[name]
    assert leaky_relu_is_delegated(alpha, ratio, 1.0) == taken
    x = QuantParams((float(np.float32(ratio)),), (3,))
    graph = int8_graph(ops.LeakyRelu(alpha), x, QuantParams((1.0,), (0,)))
    assert_as_on_device(graph, delegated=taken)


@given(x=GRIDS)
def test_logistic(x: QuantParams) -> None:
    assert_as_on_device(int8_graph(ops.Logistic(), x, LOGISTIC_PARAMS), delegated=True)


@given(x=GRIDS)
def test_relu_of_one_grid(x: QuantParams) -> None:
    assert_as_on_device(int8_graph(ops.Relu(), x, x))


SHAPES = st.sampled_from([(), (1,), (CHANNELS,), (1, 1, CHANNELS), (1, 1, 1, CHANNELS), (1, 1)])


@pytest.mark.parametrize("op", [ops.Minimum(), ops.Maximum()], ids=lambda op: op.kind)
@given(x=GRIDS, shape=SHAPES, seed=SEEDS, first=st.booleans())
@settings(max_examples=30)
def test_comparisons_with_a_constant(op: Op, x: QuantParams, shape: tuple[int, ...], seed: int, first: bool) -> None:
    assert_as_on_device(int8_graph(op, x, x, constant(seed, x, shape), first=first))


@given(
    kind=st.sampled_from([ops.Add, ops.Sub]),
    fused=FUSED,
    x=GRIDS,
    ratios=st.tuples(st.floats(-9, 9), st.floats(-7.9, 0.5)),
    zeros=st.tuples(ZEROS, ZEROS),
    shape=SHAPES | st.just("second") | st.just("broadcast"),
    seed=SEEDS,
    first=st.booleans(),
)
def test_sums(kind, fused, x, ratios, zeros, shape, seed, first) -> None:  # type: ignore[no-untyped-def]
    c = beside(x.scale[0], ratios[0], zeros[0])
    y = beside(max(x.scale[0], c.scale[0]), ratios[1], zeros[1])
    if isinstance(shape, tuple):
        graph = int8_graph(kind(fused), x, y, constant(seed, c, shape), first=first)
    else:
        graph = int8_graph_of_two(kind(fused), x, c, y, CHANNELS if shape == "second" else 1)
    assert_as_on_device(graph, delegated=True)


@given(
    fused=FUSED,
    x=GRIDS,
    second=GRIDS,
    ratio=st.floats(-7.9, 15.9),
    zero=ZEROS,
    shape=SHAPES | st.just("second") | st.just("broadcast"),
    seed=SEEDS,
)
def test_products(fused, x, second, ratio, zero, shape, seed) -> None:  # type: ignore[no-untyped-def]
    y = beside(x.scale[0] * second.scale[0], ratio, zero)
    if isinstance(shape, tuple):
        graph = int8_graph(ops.Mul(fused), x, y, constant(seed, second, shape))
    else:
        graph = int8_graph_of_two(ops.Mul(fused), x, second, y, CHANNELS if shape == "second" else 1)
    assert_as_on_device(graph, delegated=True)


@given(x=GRIDS, factor=st.integers(1, 4))
@settings(max_examples=10)
def test_nearest_neighbors(x: QuantParams, factor: int) -> None:
    assert_as_on_device(int8_graph(ops.ResizeNearestNeighbor(factor), x, x))
