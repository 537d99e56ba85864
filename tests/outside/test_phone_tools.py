"""The ways in which a ``benchmark_model`` fails on a phone: one message, its exit status, and nothing left there."""

import json
from pathlib import Path

import pytest
from outside import tool
from outside.benched import Bench, Program, is_clean, write_model
from outside.loop import World
from outside.loop_phone import Phone

from sr2tflite.bench.phone import tool as phone_tool

pytestmark = pytest.mark.slow

CLASSIC = """\
INFO: STARTING!
INFO: count=3 first=70 curr=50 min=50 max=70 avg=60 std=8
INFO: count=5 first=40 curr=42 min=38 max=42 avg=40 std=1.5 p5=38 median=40 p95=42
INFO: Inference timings in us: Init: 1250, First inference: 70, Warmup (avg): 60, Inference (avg): 40
"""


def test_no_tool(world: World, phone: Phone, bench: Bench, model: Path) -> None:
    assert bench(model).is_error(3, "no benchmark_model for x86_64", "--benchmark-model")
    assert is_clean(world, phone)


def test_a_tool_for_another_processor(world: World, phone: Phone, bench: Bench, model: Path, program: Program) -> None:
    told = bench(model, "--benchmark-model", program(tool.elf("exit 0", tool.AARCH64)))
    assert told.is_error(3, "arm64-v8a", "the phone runs x86_64")
    assert is_clean(world, phone)


TOOLS = {
    "exits with 7": (tool.replaying("ERROR: Failed to apply X delegate.", 7), 3, ("status 7", "Failed to apply X")),
    "fails": (
        tool.replaying("ERROR: The model is not a valid Flatbuffer buffer\nERROR: Benchmarking failed.", 1),
        3,
        ("status 1", "not a valid Flatbuffer"),
    ),
    "is killed": (tool.saying("kill -9 $$"), 3, ("signal 9",)),
    "crashes": (tool.saying("kill -11 $$"), 3, ("signal 11",)),
    "says nothing": (tool.replaying("INFO: STARTING!"), 3, ("benchmark_model",)),
    "is another program": (tool.elf("echo usage: frobnicate FILE; exit 2"), 3, ("--help", "frobnicate")),
    "does not know a flag that it lists": (
        tool.replaying(f"WARN: Unconsumed cmdline flags: --num_runs=3\n{CLASSIC}"),
        3,
        ("does not know", "--num_runs=3"),
    ),
    "has no graph flag": (tool.replaying(CLASSIC, flags=["num_runs"]), 3, ("--help",)),
    "has too few flags": (
        tool.replaying(CLASSIC, flags=[flag for flag in tool.FLAGS if flag != "num_threads"]),
        3,
        ("num_threads",),
    ),
    "writes no output": (tool.replaying(CLASSIC), 3, ("out.bin",)),
    "writes too little": (tool.the_real_one(then='printf abc > "$out"'), 5, ("3 bytes", "20,736")),
    "writes other bytes": (
        tool.the_real_one(then='tail -c +2 "$out" > rest; { printf A; cat rest; } > "$out"'),
        5,
        ("1 of 20,736 values differ", "LSB"),
    ),
    "fills the storage": (
        tool.saying("head -c 400m /dev/zero > fill; exit 1"),
        3,
        ("No space left",),
    ),
}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_that(name: str, world: World, phone: Phone, bench: Bench, model: Path, program: Program) -> None:
    content, status, says = TOOLS[name]
    assert bench(model, "--benchmark-model", program(content)).is_error(status, *says)
    assert is_clean(world, phone)


def test_a_tool_that_hangs(
    world: World,
    phone: Phone,
    bench: Bench,
    model: Path,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(phone_tool, "GRACE_S", 0.5)
    told = bench(model, "--benchmark-model", program(tool.saying("sleep 1000")), "--timeout", "0.5")
    assert told.is_error(3, "in time", "--timeout")
    assert is_clean(world, phone)


LITERT_FLAGS = """
    num_runs min_secs max_secs num_threads warmup_runs warmup_min_secs report_peak_memory_footprint graph
    signature_to_run_for use_cpu use_gpu use_npu require_full_delegation use_profiler gpu_backend result_file_path
""".split()  # noqa: SIM905
LITERT = """\
INFO: [litert/tools/benchmark_litert_model.cc:120] Loading model from: m0.tflite
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
VERBOSE: Replacing 5 out of 6 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 2 partitions for subgraph 0.
INFO: Initialized session in 4.5ms.
INFO: count=3 first=70 curr=50 min=50 max=70 avg=60 std=8 p5=50 median=60 p95=70
INFO: count=5 first=40 curr=42 min=38 max=42 avg=40 std=1 p5=38 median=40 p95=42
INFO: [./litert/tools/benchmark_litert_model.h:82] Model initialization: 4.50 ms
INFO: [./litert/tools/benchmark_litert_model.h:88] Inference (avg):      0.04 ms (5 runs)
INFO: [benchmark_litert_model.h:132] Peak memory:          27.50 MB
"""


def test_litert_s_own_tool_measures_files_of_fixed_size(
    world: World, phone: Phone, bench: Bench, program: Program, tmp_path: Path
) -> None:
    """It can neither take an input nor write the output: that is told."""
    fixed = write_model(tmp_path / "fixed.tflite", size=(24, 32))
    told = bench(fixed, "--benchmark-model", program(tool.replaying(LITERT, flags=LITERT_FLAGS)), "--json")
    assert told.status == 0, told.err
    (result,) = json.loads(told.out)["results"]
    (measured,) = result["models"]
    assert result["tool"]["flavor"] == "litert"
    assert any("outputs not compared" in note for note in result["notes"])
    assert measured["output_check"] is None
    assert (measured["latency_ms"]["median"], measured["init_ms"], measured["first_ms"]) == (0.04, 4.5, 0.07)
    assert measured["peak_memory_kib"] == 27.5 * 1024
    placed = measured["placement"]
    assert (placed["obtained"], placed["nodes"], placed["delegated"], placed["partitions"]) == ("xnnpack", 6, 5, 2)
    assert is_clean(world, phone)


def test_litert_s_own_tool_cannot_choose_a_size(
    world: World, phone: Phone, bench: Bench, model: Path, program: Program
) -> None:
    told = bench(model, "--benchmark-model", program(tool.replaying(LITERT, flags=LITERT_FLAGS)))
    assert told.is_error(3, "free-shape", "--height")
    assert is_clean(world, phone)
