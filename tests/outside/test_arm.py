"""The same bytes on ARM: LiteRT's aarch64 wheel under qemu, on several processors, against the interpreter."""

import sys
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from kit import integer_ops
from kit.integer_ops import Case
from kit.shipped import shipped_graphs
from outside import arm
from outside.jobs import Count, Jobs, both_shapes, compared, noise, run, total

from sr2tflite.errors import UnsupportedError
from sr2tflite.export import direct
from sr2tflite.graph import Graph
from sr2tflite.interpret import Interpreter
from sr2tflite.interpret.kernels import kernel
from sr2tflite.interpret.site import Site

pytestmark = pytest.mark.slow

CPUS = ("cortex-a53", "cortex-a76", "max")
"""Without dot products of bytes; with; and with products of byte matrices: XNNPACK has kernels for each."""

CASES_AN_OP = 60


@pytest.fixture(scope="session")
def folder() -> Path:
    """Of the aarch64 Python."""
    try:
        return arm.ready()
    except arm.NotSetUpError as reason:
        pytest.skip(f"no aarch64 Python: {reason}")


def on_arm(folder: Path, cpu: str, jobs: Jobs, place: Path) -> dict[str, Count]:
    command, environment = arm.command(folder, cpu)
    return compared(jobs, run(command, environment, jobs, place))


@pytest.mark.parametrize("cpu", CPUS)
def test_shipped_networks_give_the_interpreters_bytes_on_arm(cpu: str, folder: Path, tmp_path: Path) -> None:
    counts = on_arm(folder, cpu, both_shapes(shipped_graphs()), tmp_path)
    sys.stdout.write(f"{cpu} {total(counts)}\n")
    assert total(counts).differ == 0, counts


@pytest.mark.parametrize("cpu", CPUS)
def test_uint8_files_give_the_int8_bytes_on_arm_with_dot_products(cpu: str, folder: Path, tmp_path: Path) -> None:
    """Without them XNNPACK's uint8 convolutions round in fixed point: a step each, which a network adds up."""
    ready = {
        name: direct.prepare_uint8(graph, height=None, width=None)
        for name, graph in shipped_graphs(weights="per-tensor").items()
    }
    counts = on_arm(folder, cpu, {name: (graph, noise(graph)) for name, graph in ready.items()}, tmp_path)
    sys.stdout.write(f"{cpu} {counts}\n")
    assert cpu == "cortex-a53" or total(counts).differ == 0, counts


OPS: dict[str, st.SearchStrategy[Case]] = {
    "CONV_2D": integer_ops.convolution(),
    "DEPTHWISE_CONV_2D": integer_ops.convolution(depthwise=True),
    **{op: integer_ops.elementwise(op) for op in ("ADD", "SUB", "MUL")},
    **{
        op: integer_ops.unary(op)
        for op in ("LEAKY_RELU", "LOGISTIC", "TANH", "PRELU", "HARD_SWISH", "RELU", "QUANTIZE")
    },
    **{op: integer_ops.moving(op) for op in ("CONCATENATION", "DEPTH_TO_SPACE", "MINIMUM", "MAXIMUM")},
}
UINT8 = {
    "CONV_2D": integer_ops.convolution(dtype="uint8"),
    "DEPTHWISE_CONV_2D": integer_ops.convolution(dtype="uint8", depthwise=True),
    **{op: integer_ops.elementwise(op, dtype="uint8") for op in ("ADD", "MUL")},
}


def drawn(strategy: st.SearchStrategy[Case]) -> list[Case]:
    """The first cases of a strategy that the interpreter has; always the same ones."""
    found: list[Case] = []

    @seed(0)
    @settings(max_examples=4 * CASES_AN_OP, phases=[Phase.generate], database=None, deadline=None)
    @given(strategy)
    def collect(case: Case) -> None:
        if len(found) < CASES_AN_OP and is_modeled(case.graph):
            found.append(case)

    collect()
    return found


def is_modeled(graph: Graph) -> bool:
    try:
        Interpreter(graph)
    except UnsupportedError:
        return False
    return True


def way(graph: Graph) -> str:
    """Which kernels run the only op."""
    (node,) = graph.nodes
    return "xnnpack" if kernel(node.op, "").is_delegated(Site.of(graph, node)) else "builtin"


def swept(folder: Path, cpu: str, place: Path, strategies: dict[str, st.SearchStrategy[Case]]) -> dict[str, Count]:
    """Op and kernels → all its cases together."""
    jobs: Jobs = {}
    for op, strategy in strategies.items():
        for index, case in enumerate(drawn(strategy)):
            jobs[f"{op} {way(case.graph)} {index}"] = (case.graph, {"x": case.x})
    parts: dict[str, dict[str, Count]] = defaultdict(dict)
    for name, count in on_arm(folder, cpu, jobs, place).items():
        parts[name.rpartition(" ")[0]][name] = count
    totals = {name: total(part) for name, part in sorted(parts.items())}
    for name, count in totals.items():
        sys.stdout.write(f"{cpu} {name} {count}\n")
    return totals


@pytest.mark.parametrize("cpu", CPUS)
def test_ops_that_xnnpack_takes_give_the_interpreters_bytes_on_arm(cpu: str, folder: Path, tmp_path: Path) -> None:
    totals = swept(folder, cpu, tmp_path, OPS)
    taken = {name: count for name, count in totals.items() if name.endswith("xnnpack")}
    assert len(taken) >= 10
    # ARM has a fixed-point kernel, a step apart in 8 of 2,448: docs/numerics.md, Other runtimes
    assert taken.pop("MUL xnnpack").largest <= 1
    assert total(taken).differ == 0, taken


@pytest.mark.parametrize("cpu", CPUS)
def test_uint8_ops_differ_by_a_step_at_most_on_arm(cpu: str, folder: Path, tmp_path: Path) -> None:
    totals = swept(folder, cpu, tmp_path, UINT8)
    assert total({name: count for name, count in totals.items() if name.endswith("xnnpack")}).largest <= 1, totals
