"""The same bytes on ARM: LiteRT's aarch64 wheel under qemu, on several processors, against the interpreter."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from arm import setup
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from kit import integer_ops
from kit.integer_ops import Case
from kit.shipped import shipped_graphs

from sr2tflite.errors import UnsupportedError
from sr2tflite.export import direct
from sr2tflite.graph import Graph, tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.interpret.kernels import kernel
from sr2tflite.interpret.site import Site

pytestmark = pytest.mark.slow

CPUS = ("cortex-a53", "cortex-a76", "max")
"""Without dot products of bytes; with; and with products of byte matrices: XNNPACK has kernels for each."""

RUNNER = Path(setup.__file__).with_name("runner.py")
SIZES = ((24, 32), (37, 45))
CASES_AN_OP = 60

Jobs = dict[str, tuple[Graph, dict[str, np.ndarray]]]
"""Name of the job → the graph, and its inputs by name."""


@pytest.fixture(scope="session")
def arm() -> Path:
    """The folder of the aarch64 Python."""
    try:
        return setup.ready()
    except setup.NotSetUp as reason:
        pytest.skip(f"no aarch64 Python: {reason}")


def run(arm: Path, cpu: str, jobs: Jobs, folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """What ARM computes for every job."""
    for name, (graph, inputs) in jobs.items():
        (folder / f"{name}.tflite").write_bytes(tflite.write(graph))
        np.savez(folder / f"{name}.npz", **inputs)
    words, environment = setup.command(arm, cpu, [str(RUNNER), str(folder)])
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: dict(np.load(folder / f"{name}.out.npz")) for name in jobs}


def images(graph: Graph, sizes: tuple[tuple[int, int], ...] = SIZES) -> dict[str, np.ndarray]:
    rng, limits = np.random.default_rng(0), np.iinfo(graph.input.dtype)
    fixed = graph.input.shape[1:3]
    shapes = sizes if None in fixed else (fixed,)
    draw = (rng.integers(limits.min, limits.max, (1, *shape, 3), limits.dtype, endpoint=True) for shape in shapes)
    return {f"image{index}": image for index, image in enumerate(draw)}


def count(jobs: Jobs, found: dict[str, dict[str, np.ndarray]]) -> Iterator[tuple[str, int, int, int]]:
    """Each job's values, how many of them differ from the interpreter's, and by how much at most."""
    for name, (graph, inputs) in jobs.items():
        engine = Interpreter(graph)
        pairs = [(found[name][key], engine.run(x)) for key, x in inputs.items()]
        steps = np.concatenate([np.abs(a.astype(np.float64) - b.astype(np.float64)).ravel() for a, b in pairs])
        assert all(a.shape == b.shape and a.dtype == b.dtype for a, b in pairs)
        yield name, steps.size, int(np.count_nonzero(steps)), int(steps.max(initial=0))


@pytest.mark.parametrize("cpu", CPUS)
def test_shipped_networks_give_the_interpreters_bytes_on_arm(cpu: str, arm: Path, tmp_path: Path) -> None:
    jobs: Jobs = {}
    for name, graph in shipped_graphs().items():
        for kind, size in (("free", (None, None)), ("fixed", (40, 48))):
            ready = direct.prepare(graph, height=size[0], width=size[1], io="int8")
            jobs[f"{name}-{kind}"] = (ready, images(ready))
    counts = list(count(jobs, run(arm, cpu, jobs, tmp_path)))
    print(cpu, counts)
    assert sum(differ for _, _, differ, _ in counts) == 0


@pytest.mark.parametrize("cpu", CPUS)
def test_uint8_files_give_the_int8_bytes_on_arm(cpu: str, arm: Path, tmp_path: Path) -> None:
    jobs: Jobs = {}
    for name, graph in shipped_graphs(weights="per-tensor").items():
        ready = direct.prepare_uint8(graph, height=None, width=None)
        jobs[name] = (ready, images(ready))
    counts = list(count(jobs, run(arm, cpu, jobs, tmp_path)))
    print(cpu, counts)
    assert sum(differ for _, _, differ, _ in counts) == 0


OPS: dict[str, st.SearchStrategy[Case]] = {
    "CONV_2D": integer_ops.convolution(),
    "DEPTHWISE_CONV_2D": integer_ops.convolution(depthwise=True),
    **{op: integer_ops.elementwise(op) for op in ("ADD", "SUB", "MUL")},
    **{op: integer_ops.unary(op) for op in ("LEAKY_RELU", "LOGISTIC", "TANH", "PRELU", "HARD_SWISH", "RELU", "QUANTIZE")},
    **{op: integer_ops.moving(op) for op in ("CONCATENATION", "DEPTH_TO_SPACE", "MINIMUM", "MAXIMUM")},
}


def drawn(strategy: st.SearchStrategy[Case], wanted: int) -> list[Case]:
    """The first cases of a strategy that the interpreter has; always the same ones."""
    found: list[Case] = []

    @seed(0)
    @settings(max_examples=4 * wanted, phases=[Phase.generate], database=None, deadline=None)
    @given(strategy)
    def collect(case: Case) -> None:
        if len(found) < wanted and is_modeled(case.graph):
            found.append(case)

    collect()
    return found


def is_modeled(graph: Graph) -> bool:
    try:
        Interpreter(graph)
    except UnsupportedError:
        return False
    return True


def is_delegated(graph: Graph) -> bool:
    (node,) = graph.nodes
    return kernel(node.op, "").is_delegated(Site.of(graph, node))


@pytest.mark.parametrize("cpu", CPUS)
def test_single_ops_that_xnnpack_takes_give_the_interpreters_bytes_on_arm(cpu: str, arm: Path, tmp_path: Path) -> None:
    jobs: Jobs = {}
    for op, strategy in OPS.items():
        for index, case in enumerate(drawn(strategy, CASES_AN_OP)):
            way = "xnnpack" if is_delegated(case.graph) else "builtin"
            jobs[f"{op}-{way}-{index}"] = (case.graph, {"x": case.x})
    totals: dict[str, np.ndarray] = {}
    for name, size, differ, largest in count(jobs, run(arm, cpu, jobs, tmp_path)):
        kind = name.rpartition("-")[0]
        before = totals.get(kind, np.zeros(3, int))
        totals[kind] = np.array([before[0] + size, before[1] + differ, max(before[2], largest)])
    for kind, total in sorted(totals.items()):
        print(cpu, kind, *total)
    assert not any(total[1] for kind, total in totals.items() if kind.endswith("xnnpack"))
