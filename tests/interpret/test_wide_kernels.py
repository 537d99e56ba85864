"""int16 activations and int4 weights against LiteRT, byte for byte, on real files of one op."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st
from kit import integer_ops, wide_ops
from kit.integer_ops import SMALL, Case, Size
from kit.wide_ops import Types

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Tensor, ops, tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.interpret.site import Site
from sr2tflite.runtime import Kernels, LiteRT

FAMILIES = ("xnnpack", "builtin", "reference")

OPS: dict[str, Callable[[Size], st.SearchStrategy[Case]]] = {
    "CONV_2D int16, int64 biases": lambda size: wide_ops.convolution(Types("int16", "int8", "int64"), size),
    "CONV_2D int16, int32 biases": lambda size: wide_ops.convolution(Types("int16", "int8", "int32"), size),
    "CONV_2D int16, int4 weights": lambda size: wide_ops.convolution(Types("int16", "int4", "int64"), size),
    "CONV_2D int4 weights": lambda size: wide_ops.convolution(Types("int8", "int4", "int32"), size),
    "DEPTHWISE_CONV_2D int16": lambda size: wide_ops.convolution(Types("int16", "int8", "int64"), size, depthwise=True),
    "DEPTHWISE_CONV_2D int4 weights": lambda size: wide_ops.convolution(
        Types("int8", "int4", "int32"), size, depthwise=True
    ),
    **{
        f"{kind.kind} int16": lambda size, kind=kind: wide_ops.elementwise(kind, size)  # type: ignore[misc]
        for kind in (ops.Add, ops.Sub, ops.Mul)
    },
    **{
        f"{op.kind} int16": lambda size, op=op: wide_ops.unary(op, size)  # type: ignore[misc]
        for op in (ops.Relu(), ops.Relu6(), ops.LeakyRelu(), ops.PRelu(), ops.Logistic(), ops.Tanh())
    },
    **{
        f"{kind.kind} int16": lambda size, kind=kind: wide_ops.moving(kind, size)  # type: ignore[misc]
        for kind in (ops.Concatenation, ops.ResizeNearestNeighbor, ops.Minimum, ops.Maximum)
    },
    **{
        f"{source} to {target}": lambda size, ends=(source, target): wide_ops.conversion(*ends, size)  # type: ignore[misc]
        for source, target in (
            *(("float32", "int16"), ("int16", "float32"), ("int16", "int16")),
            *(("int16", "int8"), ("int8", "int16"), ("uint8", "int16")),
        )
    },
}
CASES = [(op, family) for op in OPS for family in FAMILIES]
REFUSED = {("DEPTHWISE_CONV_2D int4 weights", "reference")}
"""The reference kernels are not registered for it."""

ENOUGH = 10**7
MANY = Size(height=64, width=64, channels=8)
"""For the long tier: a few thousand outputs a case, so that there are thousands of cases."""


def differing(case: Case, family: str) -> tuple[int, int]:
    """How many outputs there are and how many of them differ; nothing where we refuse."""
    try:
        interpreter = Interpreter(case.graph, family)  # type: ignore[arg-type]
    except UnsupportedError:
        return 0, 0
    wanted = LiteRT(tflite.write(case.graph), Kernels(family)).run(case.x)
    got = interpreter.run(case.x)
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    return wanted.size, int(np.count_nonzero(got != wanted))


@pytest.mark.parametrize(("op", "family"), CASES)
def test_every_byte_is_the_runtimes(op: str, family: str) -> None:
    outputs = 0

    @settings(max_examples=20)
    @given(OPS[op](SMALL))
    def check(case: Case) -> None:
        nonlocal outputs
        count, wrong = differing(case, family)
        assert wrong == 0
        outputs += count

    check()
    assert outputs > 0 or (op, family) in REFUSED


@pytest.mark.slow
@pytest.mark.parametrize(("op", "family"), [case for case in CASES if case not in REFUSED])
def test_ten_million_bytes_are_the_runtimes(op: str, family: str) -> None:
    outputs = 0

    def examine(number: int) -> None:
        @seed(number)
        @settings(
            max_examples=100,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(OPS[op](MANY))
        def check(case: Case) -> None:
            nonlocal outputs
            count, wrong = differing(case, family)
            assert wrong == 0
            outputs += count

        check()

    number = 0
    while outputs < ENOUGH:
        examine(number)
        number += 1


@pytest.mark.parametrize("op", OPS)
@given(data=st.data())
@settings(max_examples=10)
def test_xnnpack_takes_neither_int16_nor_int4_weights(op: str, data: st.DataObject) -> None:
    graph = data.draw(OPS[op](SMALL)).graph
    assert not Site.of(graph, graph.nodes[0]).fits_xnnpack
    try:
        Interpreter(graph)
    except UnsupportedError:
        reject()  # among them are scales that end the process
    assert not any(entry["op_name"] == "DELEGATE" for entry in LiteRT(tflite.write(graph)).plan())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("power", [-13, -12, -11, -10])
@pytest.mark.parametrize("op", [ops.Logistic(), ops.Tanh()], ids=lambda op: op.kind)
def test_every_int16_code_of_a_power_of_two_is_the_runtimes(op: ops.Op, power: int, family: str) -> None:
    x = np.arange(2**16, dtype=np.uint16).view(np.int16).reshape(1, 256, 256, 1)
    image = Tensor("x", x.shape, "int16", wide_ops.grid(2.0**power))
    graph = integer_ops.graph_of(op, image, [], wide_ops.grid(2.0**-15), "int16")
    assert differing(Case(graph, x), family) == (x.size, 0)
