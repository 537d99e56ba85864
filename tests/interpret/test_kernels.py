"""Every kernel against LiteRT, byte for byte, on real files of one op with drawn shapes, scales and attributes."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st
from kit import integer_ops, layout_ops, product_ops
from kit.integer_ops import LARGE, Case, Size
from kit.one_op import all_codes, int8_graph

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import ops, tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.interpret.kernels import kernel, names
from sr2tflite.interpret.site import Site
from sr2tflite.numerics.elementwise import LOGISTIC_PARAMS
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
        for op in ("PAD", "PADV2", "RESHAPE", "TRANSPOSE", "GATHER", "STRIDED_SLICE", "SPLIT")
    },
    "RESIZE_BILINEAR": lambda size, dtype: layout_ops.resize_bilinear(size, dtype),
    "MEAN": lambda size, dtype: layout_ops.mean(size, dtype),
    "FULLY_CONNECTED": lambda size, dtype: product_ops.fully_connected(size, dtype),
    "TRANSPOSE_CONV": lambda size, dtype: product_ops.transpose_conv(size, dtype),
    "DEQUANTIZE": lambda size, dtype: integer_ops.ends("DEQUANTIZE", size, dtype),
    "QUANTIZE from float32": lambda size, dtype: integer_ops.ends("QUANTIZE", size, dtype),
}

FAMILIES = ("xnnpack", "builtin", "reference")
CASES = [(op, dtype, family) for op in OPS for dtype in ("int8", "uint8") for family in FAMILIES]
NEAREST = {("TANH", "xnnpack"), *((op, family) for op in ("TANH", "LOGISTIC") for family in ("builtin", "reference"))}
"""Tables made with the platform's tanhf and expf, which are not always the nearest float32; ours are. One code of
millions is a step off."""

REFUSED = {
    "xnnpack": ("MEAN", "RESIZE_BILINEAR"),
    "builtin": ("MEAN", "RESIZE_BILINEAR"),
    "reference": ("MEAN", "FULLY_CONNECTED"),
}
"""Ops that refuse some scales and sizes by name, because what kernels make of them is not modeled."""

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
        if "not modeled" in error.message and case.graph.nodes[0].op.kind in REFUSED.get(family, ()):
            return 0, 0
        raise
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    steps = int((case.graph.nodes[0].op.kind, family) in NEAREST)
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
            max_examples=50,
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


@pytest.mark.slow
@pytest.mark.parametrize(("op", "family"), [(op, family) for op in ("LOGISTIC", "TANH") for family in FAMILIES])
def test_tables_made_in_floating_point_are_a_step_off_in_a_code_of_a_hundred_thousand_at_most(
    op: str, family: str
) -> None:
    rng, x = np.random.default_rng(0), all_codes()
    differing_codes = 0
    for _ in range(4000):
        scales, zeros = np.float32(2.0 ** rng.uniform((-12, -8.5), (0, -3))), rng.integers(-128, 128, 2)
        source, out = (QuantParams((float(s),), (int(z),)) for s, z in zip(scales, zeros, strict=True))
        graph = int8_graph(ops.Tanh() if op == "TANH" else ops.Logistic(), source, LOGISTIC_PARAMS)
        if op == "TANH":
            graph.update("y", quant=out)
        wanted = LiteRT(tflite.write(graph), Kernels(family)).run(x).astype(int)
        steps = np.abs(Interpreter(graph, family).run(x) - wanted)[..., 0]  # type: ignore[arg-type]
        assert steps.max() <= 1
        differing_codes += np.count_nonzero(steps)
    assert differing_codes <= 10


def test_every_kernel_is_tested() -> None:
    assert {op.split()[0] for op in OPS} == set(names())


@pytest.mark.parametrize(
    "op",
    [
        *("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "SUB", "MUL", "LEAKY_RELU", "TRANSPOSE_CONV", "FULLY_CONNECTED"),
        *("QUANTIZE", "PRELU", "RELU", "MINIMUM", "LOGISTIC", "TANH"),
    ],
)
@given(data=st.data())
@settings(max_examples=30)
def test_xnnpack_takes_what_we_say_it_takes(op: str, data: st.DataObject) -> None:
    graph = data.draw(OPS[op](integer_ops.SMALL, "int8")).graph
    site = Site.of(graph, graph.nodes[0])
    try:
        runtime = LiteRT(tflite.write(graph))
    except InputError:
        reject()  # a kernel's own demand; what it refuses, we refuse in the tests above
    is_taken = any(entry["op_name"] == "DELEGATE" for entry in runtime.plan())
    assert kernel(site.op, op).is_delegated(site) is is_taken
