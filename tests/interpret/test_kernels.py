"""Every kernel against LiteRT, byte for byte, on real files of one op with drawn shapes, scales and attributes."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from kit import integer_ops, layout_ops, product_ops
from kit.integer_ops import LARGE, Case, Size
from kit.one_op import quantized_one_op_graph

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.interpret.kernels import kernel, names
from sr2tflite.interpret.site import Site
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import Kernels, LiteRT

Strategy = Callable[[Size, str], st.SearchStrategy[Case]]

OPS: dict[str, Strategy] = {
    "CONV_2D": lambda size, dtype: integer_ops.convolution(size, dtype),
    "DEPTHWISE_CONV_2D": lambda size, dtype: integer_ops.convolution(size, dtype, depthwise=True),
    **{
        op: lambda size, dtype, op=op: integer_ops.elementwise(op, size, dtype)  # type: ignore[misc]
        for op in ("ADD", "SUB", "MUL")
    },
    **{
        op: lambda size, dtype, op=op: integer_ops.unary(op, size, dtype)  # type: ignore[misc]
        for op in (
            *("RELU", "RELU6", "RELU_0_TO_1", "LEAKY_RELU", "PRELU"),
            *("LOGISTIC", "TANH", "HARD_SWISH", "QUANTIZE"),
        )
    },
    **{
        op: lambda size, dtype, op=op: integer_ops.moving(op, size, dtype)  # type: ignore[misc]
        for op in (
            *("CONCATENATION", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH"),
            *("RESIZE_NEAREST_NEIGHBOR", "MINIMUM", "MAXIMUM"),
        )
    },
    **{
        op: lambda size, dtype, op=op: layout_ops.layout(op, size, dtype)  # type: ignore[misc]
        for op in ("PAD", "PADV2", "RESHAPE", "TRANSPOSE", "STRIDED_SLICE", "SPLIT")
    },
    "RESIZE_BILINEAR": lambda size, dtype: layout_ops.resize_bilinear(size, dtype),
    "MEAN": lambda size, dtype: layout_ops.mean(size, dtype),
    "FULLY_CONNECTED": lambda size, dtype: product_ops.fully_connected(size, dtype),
    "TRANSPOSE_CONV": lambda size, dtype: product_ops.transpose_conv(size, dtype),
    "DEQUANTIZE": lambda size, dtype: integer_ops.ends("DEQUANTIZE", size, dtype),
    "QUANTIZE from float32": lambda size, dtype: integer_ops.ends("QUANTIZE", size, dtype),
}

FAMILIES = ("xnnpack", "builtin", "reference")
NOT_MODELED = {("DEPTHWISE_CONV_2D", "uint8", "builtin"), ("ADD", "uint8", "builtin")}
CASES = [
    (op, dtype, family)
    for op in OPS
    for dtype in ("int8", "uint8")
    for family in FAMILIES
    if (op, dtype, family) not in NOT_MODELED
]
STEPS = {"TANH": 1}
"""A table made with the platform's tanhf, which is not always the nearest float32; ours is."""

ENOUGH = 10**7


def differing(case: Case, family: str) -> tuple[int, int]:
    """How many outputs there are and how many of them differ; what LiteRT refuses, we refuse."""
    try:
        runtime = LiteRT(tflite.write(case.graph), Kernels(family))
    except InputError:
        with pytest.raises(UnsupportedError):
            Interpreter(case.graph, family)  # type: ignore[arg-type]
        return 0, 0
    wanted = runtime.run(case.x)
    try:
        got = Interpreter(case.graph, family).run(case.x)  # type: ignore[arg-type]
    except UnsupportedError as error:
        if "not modeled" in error.message and (family != "reference" or "int32" in error.message):
            return 0, 0
        raise
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    steps = STEPS.get(case.graph.nodes[0].op.kind, 0)
    wrong = np.abs(got.astype(np.float64) - wanted.astype(np.float64)) > steps
    return wanted.size, int(np.count_nonzero(wrong))


@pytest.mark.parametrize(("op", "dtype", "family"), CASES)
def test_every_byte_is_the_runtimes(op: str, dtype: str, family: str) -> None:
    @settings(max_examples=20)
    @given(OPS[op](integer_ops.SMALL, dtype))
    def check(case: Case) -> None:
        assert differing(case, family)[1] == 0

    check()


@pytest.mark.slow
@pytest.mark.parametrize(("op", "dtype", "family"), CASES)
def test_ten_million_bytes_are_the_runtimes(op: str, dtype: str, family: str) -> None:
    outputs = 0

    def examine(number: int) -> None:
        @seed(number)
        @settings(
            max_examples=10,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(OPS[op](LARGE, dtype))
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


def test_every_kernel_is_tested() -> None:
    assert {op.split()[0] for op in OPS} == set(names())


@pytest.mark.parametrize(
    "op",
    [
        "ADD",
        "SUB",
        "MUL",
        "LEAKY_RELU",
        "QUANTIZE",
        "PRELU",
        "RELU",
        "MINIMUM",
        "LOGISTIC",
        "TANH",
        "TRANSPOSE_CONV",
        "FULLY_CONNECTED",
    ],
)
@given(data=st.data())
@settings(max_examples=30)
def test_xnnpack_takes_what_we_say_it_takes(op: str, data: st.DataObject) -> None:
    graph = data.draw(OPS[op](integer_ops.SMALL, "int8")).graph
    site = Site.of(graph, graph.nodes[0])
    is_taken = any(entry["op_name"] == "DELEGATE" for entry in LiteRT(tflite.write(graph)).plan())
    assert kernel(site.op, op).is_delegated(site) is is_taken


@pytest.mark.parametrize("op", ["DEPTHWISE_CONV_2D", "ADD"])
def test_builtin_uint8_kernels_that_are_not_modeled_are_refused(op: str) -> None:
    @settings(max_examples=1)
    @given(OPS[op](integer_ops.SMALL, "uint8"))
    def check(case: Case) -> None:
        with pytest.raises(UnsupportedError, match="not modeled"):
            Interpreter(case.graph, "builtin")

    check()


@pytest.mark.parametrize("case", ["add", "mul"])
def test_builtin_kernels_that_would_wrap_are_refused(case: str) -> None:
    graph = quantized_one_op_graph(case)
    graph.update("y", quant=QuantParams((2.0**-11,), (0,)))
    for family in ("xnnpack", "builtin"):
        with pytest.raises(UnsupportedError, match="not modeled beyond 32767"):
            Interpreter(graph, family)  # type: ignore[arg-type]
    assert Interpreter(graph, "reference").run(np.zeros(graph.input.shape, np.int8)).shape == graph.output.shape
