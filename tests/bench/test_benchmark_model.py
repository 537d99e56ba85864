"""Texts as ``benchmark_model`` prints them, read into records; recorded ones are in test_recorded_logs.py."""

import json

import pytest

from sr2tflite.bench.phone.benchmark_model import flags_of, read
from sr2tflite.bench.phone.tool_log import Applied, Log, Memory, Replaced, Times
from sr2tflite.bench.rounds import Latency
from sr2tflite.errors import InputError

CLASSIC = """\
INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Graph: [/data/local/tmp/a b/x3.tflite]
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
VERBOSE: Replacing 9 out of 11 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 2 partitions for subgraph 0.
INFO: The input model file size (MB): 0.0512
INFO: Initialized session in 1.25ms.
INFO: Running benchmark for at least 2 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
INFO: count=2 first=700 curr=500 min=500 max=700 avg=600 std=100

INFO: Running benchmark for at least 3 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
INFO: count=3 first=400 curr=420 min=380 max=420 avg=400 std=16 p5=380 median=400 p95=420

INFO: Inference timings in us: Init: 1250, First inference: 700, Warmup (avg): 600, Inference (avg): 400
INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE
INFO: Memory footprint delta from the start of the tool (MB): init=1.5 overall=4.25
"""
WARM = Times(2, 700, 500, 500, 700, 600, 100)
RUNS = Times(3, 400, 420, 380, 420, 400, 16, 380, 400, 420)

LITERT = """\
INFO: [litert/tools/benchmark_litert_model.cc:120] Loading model from: /data/local/tmp/x3.tflite
I0000 00:00:1790000000.000001    4321 delegate_kernel.cc:866] Created TensorFlow Lite delegate for GPU.
INFO: Initialized session in 120.5ms.
INFO: count=2 first=9000 curr=8000 min=8000 max=9000 avg=8500 std=500 p5=8000 median=9000 p95=9000
INFO: count=4 first=7000 curr=7000(all same)
INFO: [./litert/tools/benchmark_litert_model.h:81]\x20
========== BENCHMARK RESULTS ==========
INFO: [./litert/tools/benchmark_litert_model.h:82] Model initialization: 120.50 ms
INFO: [./litert/tools/benchmark_litert_model.h:84] Warmup (first):       9.00 ms
INFO: [./litert/tools/benchmark_litert_model.h:88] Inference (avg):      7.00 ms (4 runs)
INFO: [./litert/tools/benchmark_litert_model.h:120] Init footprint:       12.50 MB
INFO: [./litert/tools/benchmark_litert_model.h:121] Overall footprint:    40.25 MB
"""


def test_a_classic_log_gives_every_figure() -> None:
    assert read(CLASSIC) == Log(
        flavor="classic",
        init_us=1250,
        first_us=700,
        warmup=WARM,
        runs=RUNS,
        created=("XNNPACK",),
        replaced=(Replaced("TfLiteXNNPackDelegate", 9, 11, 2, 0),),
        memory=Memory(1.5, 4.25),
    )
    assert read(CLASSIC).is_complete


def test_windows_line_ends_change_nothing() -> None:
    assert read(CLASSIC.replace("\n", "\r\n")) == read(CLASSIC)


@pytest.mark.parametrize(
    "prefix",
    ["I tflite  : ", "11-21 19:40:00.123  4000  4012 I tflite  : ", "I/tflite: ", "I/tflite  ( 4000): "],
    ids=["brief", "threadtime", "slash", "with pid"],
)
def test_logcat_gives_what_the_shell_gives(prefix: str) -> None:
    logcat = CLASSIC.replace("INFO: ", prefix).replace("VERBOSE: ", prefix.replace("I", "V", 1))
    assert read(logcat) == read(CLASSIC)


def test_no_prefix_at_all_gives_the_same() -> None:
    """TensorFlow Lite 2.4 on a shell."""
    assert read(CLASSIC.replace("INFO: ", "").replace("VERBOSE: ", "")) == read(CLASSIC)


def test_litert_says_first_and_init_in_lines_of_its_own() -> None:
    log = read(LITERT)
    assert (log.flavor, log.init_us, log.first_us) == ("litert", 120500, 9000)
    assert log.memory == Memory(12.5, 40.25)
    assert log.created == ("GPU",)


def test_equal_runs_have_no_spread() -> None:
    assert read(LITERT).runs == Times(4, 7000, 7000, 7000, 7000, 7000, 0.0)


def test_one_run_is_its_own_extremes_and_has_no_deviation() -> None:
    one = CLASSIC.replace(
        "count=3 first=400 curr=420 min=380 max=420 avg=400 std=16 p5=380 median=400 p95=420", "count=1 curr=2345678"
    )
    assert read(one).runs == Times(1, 2345678, 2345678, 2345678, 2345678, 2345678)


def test_exponents_are_numbers() -> None:
    big = CLASSIC.replace("avg=400 ", "avg=1.62027e+06 ").replace("(avg): 400", "(avg): 1.62027e+06")
    runs = read(big).runs
    assert runs is not None
    assert runs.mean == 1620270


def test_a_lone_row_is_the_runs_if_the_summary_has_its_mean() -> None:
    quoted = "\n".join(line for line in CLASSIC.splitlines() if "count=2" not in line)
    assert (read(quoted).warmup, read(quoted).runs) == (None, RUNS)


def test_a_lone_run_is_recognized_though_the_summary_rounds_it() -> None:
    quoted = "count=1 curr=2345678\nInference timings in us: Init: 1, First inference: 2, Warmup (avg): 3, "
    assert read(quoted + "Inference (avg): 2.34568e+06").runs == Times(1, *[2345678] * 5)


def test_a_process_that_ended_in_its_runs_has_none() -> None:
    cut = CLASSIC[: CLASSIC.index("INFO: count=3")]
    assert (read(cut).warmup, read(cut).runs) == (WARM, None)
    assert not read(cut).is_complete


def test_a_dry_run_is_not_complete() -> None:
    dry = """INFO: count=0
INFO: count=0
INFO: Inference timings in us: Init: 99, First inference: 0, Warmup (avg): nan, Inference (avg): -nan
"""
    assert (read(dry).runs, read(dry).is_complete) == (Times(0), False)


@pytest.mark.parametrize("times", [2, 3])
def test_several_processes_in_one_text_are_refused(times: int) -> None:
    with pytest.raises(InputError, match=f"{times} processes; expected one"):
        read(CLASSIC * times)


def test_rows_of_times_beyond_two_are_refused() -> None:
    with pytest.raises(InputError, match="4 rows of times"):
        read("count=2 first=1 curr=2 min=1 max=2 avg=1.5 std=0.5\n" * 4)


def test_unknown_flags_are_told_one_by_one() -> None:
    log = read(f"WARN: Unconsumed cmdline flags: --use_npu=true --graph_name=a b\n{CLASSIC}")
    assert log.unconsumed == ("--use_npu=true", "--graph_name=a b")


def test_a_gpu_that_takes_all() -> None:
    log = read(
        "INFO: Created TensorFlow Lite delegate for GPU.\n"
        "VERBOSE: Replacing 7 out of 7 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 1 partitions for the "
        "whole graph.\nINFO: Explicitly applied GPU delegate, and the model graph will be completely executed by the "
        f"delegate.\n{CLASSIC}"
    )
    assert log.created == ("GPU", "XNNPACK")
    assert log.replaced[0] == Replaced("TfLiteGpuDelegateV2", 7, 7, 1, None)
    assert log.applied == (Applied("GPU", "completely"),)
    assert not log.declined


GPU_PART = """\
ERROR: Following operations are not supported by GPU delegate:
CONCATENATION: OP is supported, but tensor type/shape isn't compatible.
CUSTOM Resampler: unknown
DEQUANTIZE:
5 operations will run on the GPU, and the remaining 4 operations will run on the CPU.
INFO: Replacing 5 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 3 partitions.
INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 2 delegate \
kernels.
"""
REASONS = (
    ("CONCATENATION", "OP is supported, but tensor type/shape isn't compatible."),
    ("CUSTOM Resampler", "unknown"),
    ("DEQUANTIZE", ""),
)


def test_a_gpu_that_takes_a_part_names_the_rest() -> None:
    log = read(GPU_PART + CLASSIC)
    assert log.unsupported == REASONS
    assert log.replaced[0] == Replaced("TfLiteGpuDelegateV2", 5, None, 3, None)
    assert log.applied == (Applied("GPU", "partially", 2),)
    assert log.is_complete


def test_the_same_list_through_logcat() -> None:
    lines = GPU_PART.splitlines()
    logcat = "\n".join([f"E tflite  : {line.removeprefix('ERROR: ')}" for line in lines[:5]])
    assert read(logcat).unsupported == REASONS


def test_a_delegate_that_takes_nothing_is_declined() -> None:
    log = read(
        "INFO: Though NNAPI delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
        + CLASSIC
    )
    assert (log.applied, log.declined) == ((Applied("NNAPI", "not"),), ("NNAPI",))


def test_failing_keeps_what_the_tool_said() -> None:
    log = read(
        "INFO: STARTING!\nERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n"
        "INFO: Loaded OpenCL library."
    )
    assert (log.errors, log.failed, log.is_complete) == (("Failed to apply GPU delegate.",), True, False)


def test_the_memory_thread_and_the_older_words_for_memory() -> None:
    text = CLASSIC.replace("Memory footprint delta from the start of the tool (MB)", "Peak memory footprint (MB)")
    peak = "INFO: Overall peak memory footprint (MB) via periodic monitoring: 15.75\n- VmRSS              : 16 MB\n"
    assert read(text + peak).memory == Memory(1.5, 4.25, 15.75)


def test_the_help_lists_its_flags() -> None:
    usage = "ERROR: usage: ./benchmark_model <flags>\nFlags:\n\t--num_runs=50  \tint32\toptional\tsee also --x\n"
    assert flags_of(f"{usage}\t--graph=  \tstring\toptional\ta file\n") == {"num_runs", "graph"}


def test_text_of_another_kind_gives_an_empty_record() -> None:
    assert read("CANNOT LINK EXECUTABLE: library not found\n") == Log()


def test_json_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="litert-benchmark"):
        read(json.dumps({"latency": {}}))


def test_a_row_of_runs_becomes_milliseconds() -> None:
    assert RUNS.latency_ms == Latency(0.38, 0.38, 0.4, 0.42, 0.4, 0.016, 3)
    assert WARM.latency_ms == Latency(0.5, None, None, None, 0.6, 0.1, 2)
    assert Times(0).latency_ms is None
