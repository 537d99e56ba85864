import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest
from kit.changed import with_custom_op
from kit.graphs import quantized_sr_graph

from sr2tflite.bench import host
from sr2tflite.bench.placing import delegated
from sr2tflite.bench.plan import Plan
from sr2tflite.bench.result import End, Placement
from sr2tflite.bench.worker import MOST_RUNS, repeated
from sr2tflite.commands.bench import bench
from sr2tflite.commands.bench_android import bench_android
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.files import sha256
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.tflite import write
from sr2tflite.numerics.qparams import QuantParams

QUICK = Plan(runs=2, rounds=2, seconds=0, size=(8, 8))


def test_two_models_are_measured_in_interleaved_rounds(model):
    paths, turns = [model("fixed.tflite", 20, 30), model("free.tflite")], []
    plan = Plan(runs=4, rounds=2, seconds=0, size=(10, 12))
    (result,) = bench(paths, plan, progress=lambda *turn: turns.append(turn)).results
    order = ["fixed.tflite", "free.tflite", "free.tflite", "fixed.tflite"]
    assert [name for _, _, _, name in turns] == [*order, "fixed.tflite, memory", "free.tflite, memory"]
    assert [turn[:3] for turn in turns] == [("timing", index, 6) for index in range(1, 7)]
    assert [one.input.shape for one in result.models] == [(1, 20, 30, 12), (1, 10, 12, 12)]
    assert [one.output for one in result.models] == [End("int8", (1, 40, 60, 3)), End("int8", (1, 20, 24, 3))]
    for path, measured in zip(paths, result.models, strict=True):
        times = measured.latency_ms
        assert 0 < times.min <= times.p5 <= times.median <= times.p95
        assert measured.init_ms > 0
        assert measured.cpu_ms > 0
        assert measured.first_ms > 0
        assert measured.peak_memory_kib > 1000
        assert [len(one.times_ms) for one in measured.rounds] == [4, 4]
        assert (measured.sha256, measured.size_bytes) == (sha256(path.read_bytes()), path.stat().st_size)
        assert measured.placement == Placement("xnnpack", "xnnpack", 2, 2, 1, ())
    (ratio,) = result.ratios
    assert 0 < ratio.low <= ratio.ratio <= ratio.high
    assert json.loads(json.dumps(result.to_json(), allow_nan=False))["models"][1]["placement"]["nodes"] == 2


def test_every_round_is_a_process_of_its_own_and_says_its_command(model):
    (result,) = bench([model("m.tflite")], QUICK).results
    (measured,) = result.models
    for one in measured.rounds:
        assert one.argv[1:4] == ("-P", "-m", "sr2tflite.bench.worker")
        assert json.loads(one.argv[4])["runs"] == 2
        assert one.signals.involuntary_switches is not None
        assert one.before.load is not None
    again = subprocess.run(measured.rounds[0].argv, capture_output=True, text=True, check=True)
    assert len(json.loads(again.stdout)["times_ms"]) == 2


def test_the_peak_memory_is_that_of_the_timed_process_and_not_of_this_one(model):
    ballast = np.ones(1 << 26)  # 512 MiB, which Linux counts for every process that is started meanwhile
    (result,) = bench([model("m.tflite")], replace(QUICK, rounds=1)).results
    assert result.models[0].peak_memory_kib < ballast.nbytes / 1024 / 2


def test_a_file_of_the_working_folder_is_not_taken_for_a_module_of_pythons(model, tmp_path, monkeypatch):
    path = model("m.tflite")
    (tmp_path / "resource.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert bench([path], replace(QUICK, rounds=1)).results


def test_sizes_and_threads_each_give_a_result_and_all_take_turns(model):
    turns = []
    plan = replace(QUICK, rounds=1, threads=(1, 2), sizes=((4, 6), (8, 10)))
    report = bench([model("fixed.tflite", 20, 30)], plan, progress=lambda *turn: turns.append(turn))
    found = [(result.models[0].input.shape[1:3], result.threads) for result in report.results]
    assert found == [((4, 6), 1), ((4, 6), 2), ((8, 10), 1), ((8, 10), 2)]
    assert [result.models[0].output.shape for result in report.results][::2] == [(1, 8, 12, 3), (1, 16, 20, 3)]
    assert len(turns) == 8


def test_float_and_int8_are_compared_in_one_call(model):
    paths = [model("float.tflite", dtype="float32"), model("int8.tflite")]
    (result,) = bench(paths, QUICK).results
    assert [one.input.dtype for one in result.models] == ["float32", "int8"]
    assert (result.ratios[0].model, result.ratios[0].reference) == ("int8.tflite", "float.tflite")


def test_two_files_of_one_name_are_told_apart(model, tmp_path):
    (tmp_path / "other").mkdir()
    paths = [model("m.tflite"), model("other/m.tflite")]
    (result,) = bench([*paths, paths[0]], replace(QUICK, rounds=1)).results
    assert [one.name for one in result.models] == [str(paths[0]), str(paths[1]), f"{paths[0]} (2)"]


def test_ops_that_xnnpack_leaves_are_named_and_timed(model):
    (result,) = bench([model("m.tflite", relu=True)], replace(QUICK, rounds=1, ops=True)).results
    (measured,) = result.models
    assert measured.placement == Placement("xnnpack", "xnnpack", 3, 2, 2, ("RELU",))
    if measured.ops is None:
        pytest.skip(result.notes[0])
    assert [(one.op, one.delegate) for one in measured.ops if one.delegate is None] == [("RELU", None)]
    assert len(measured.ops) == 3
    assert all(one.ms >= 0 for one in measured.ops)


def test_a_profiler_that_dies_costs_the_op_times_alone(model, monkeypatch):
    argv = host._argv
    monkeypatch.setattr(
        host, "_argv", lambda module, *rest, **more: argv(module.replace("opprof", "gone"), *rest, **more)
    )
    (result,) = bench([model("m.tflite")], replace(QUICK, rounds=1, ops=True)).results
    assert result.models[0].ops is None
    assert "no op times: the timed process ended with status 1" in result.notes[0]


def test_a_file_that_xnnpack_takes_nothing_of_fell_back(tmp_path):
    graph = Graph(inputs=("x",), outputs=("y",))
    graph.add_tensor(Tensor("x", (1, 8, 8, 3), "int8", QuantParams((1.0,), (-128,))))
    graph.append(ops.Relu(), ("x",), Tensor("y", (1, 8, 8, 3), "int8", QuantParams((2.0,), (-128,))))
    path = tmp_path / "relu.tflite"
    path.write_bytes(write(graph))
    (result,) = bench([path], QUICK).results
    (measured,) = result.models
    assert (measured.placement.obtained, measured.verdict) == ("builtin", "fell back")


def test_a_size_that_a_file_cannot_take_is_an_error_for_the_user(tmp_path):
    graph = Graph(inputs=("x",), outputs=("y",))
    graph.add_tensor(Tensor("x", (1, 8, 8, 3), "int8", QuantParams((1.0,), (-128,))))
    graph.append(ops.Reshape((1, 192)), ("x",), Tensor("y", (1, 192), "int8", QuantParams((1.0,), (-128,))))
    path = tmp_path / "reshape.tflite"
    path.write_bytes(write(graph))
    with pytest.raises(InputError, match="LiteRT"):
        bench([path], replace(QUICK, sizes=((4, 4),)))


def test_the_timed_process_is_held_on_the_processors_that_were_asked_for():
    asked = "answer(lambda _: {'cpus': sorted(os.sched_getaffinity(0))})"
    code = f"import os; from sr2tflite.bench.worker import answer; {asked}"
    (last,) = sorted(os.sched_getaffinity(0))[-1:]
    job = json.dumps({"cpus": [last], "parent": os.getpid()})
    done = subprocess.run([sys.executable, "-c", code, job], capture_output=True, check=True)
    assert json.loads(done.stdout) == {"cpus": [last]}


def test_the_result_says_where_its_processes_were_held(model):
    (last,) = sorted(os.sched_getaffinity(0))[-1:]
    (result,) = bench([model("m.tflite")], replace(QUICK, rounds=1, cpus=(last,))).results
    assert result.affinity == str(last)


@pytest.mark.parametrize(("how", "status"), [(signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_an_end_polite_or_not_ends_the_timed_process_too(how, status, model):
    command = [sys.executable, "-c", "from sr2tflite.cli import main; main()", "bench", str(model("m.tflite"))]
    words = ["--height", "8", "--width", "8", "--rounds", "1", "--runs", "100000000", "--warmup", "0"]
    with subprocess.Popen([*command, *words], stderr=subprocess.PIPE, text=True) as process:
        (timed,) = awaited(
            lambda: [one for one in psutil.Process(process.pid).children() if "worker" in str(one.cmdline())]
        )
        process.send_signal(how)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, "interrupted" in err) == (status, how == signal.SIGTERM)
    assert awaited(lambda: _is_gone(timed))


def _is_gone(process):
    """Whether it has ended, whoever should take note of that or not."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def awaited(found):
    """What is found before ten seconds are over."""
    for _ in range(1000):
        if told := found():
            return told
        time.sleep(0.01)
    raise AssertionError("nothing is found")


def test_timing_goes_on_until_count_and_time_are_reached():
    assert len(repeated(lambda: None, 3, 0)) == 3
    assert len(repeated(lambda: None, 3, 60)) == MOST_RUNS
    assert len(repeated(lambda: time.sleep(0.02), 1, 0.05)) == 3


def test_an_onnx_file_and_a_folder_are_told_what_to_type(model, tmp_path):
    (tmp_path / "an.onnx").write_bytes(b"onnx")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a run").mkdir()
    model("a run/model.tflite"), model("a run/model_free.tflite")
    hints = {
        "an.onnx": ("is a .onnx file", f"sr2tflite export {tmp_path}/an.onnx --int8 --free-shape -o model.tflite"),
        "empty": ("is a folder", "sr2tflite export QDQ.onnx --int8 --free-shape -o model.tflite"),
        "a run": ("is a folder", f"sr2tflite bench '{tmp_path}/a run/model.tflite'"),
    }
    for name, (message, hint) in hints.items():
        for measure in (bench, bench_android):
            with pytest.raises(InputError, match=f"{message}; expected .tflite") as caught:
                measure([tmp_path / name])
            assert (caught.value.where, caught.value.hint) == (str(tmp_path / name), hint)


def test_what_litert_says_is_one_line(tmp_path):
    path = tmp_path / "custom.tflite"
    path.write_bytes(with_custom_op(quantized_sr_graph(), "MyOp"))
    with pytest.raises(InputError, match="unresolved custom op: MyOp") as caught:
        bench([path], QUICK)
    assert "\n" not in caught.value.message


REFUSED = {
    "no model": (lambda _: [], {}, "no model to measure"),
    "no such file": (lambda folder: [folder / "none.tflite"], {}, "cannot read"),
    "a foreign file": (lambda folder: [folder / "text.tflite"], {}, "not a TFLite file"),
    "no runs": (lambda folder: [folder / "text.tflite"], {"runs": 0}, "must be at least 1"),
    "no seconds": (lambda folder: [folder / "text.tflite"], {"seconds": float("nan")}, "must be at least 1"),
    "no pixels": (lambda folder: [folder / "text.tflite"], {"size": (0, 8)}, "must be at least 1"),
    "no threads": (lambda folder: [folder / "text.tflite"], {"threads": ()}, "must be at least 1"),
    "a size of no pixels": (lambda folder: [folder / "text.tflite"], {"sizes": ((8, 8), (8, 0))}, "must be at least"),
    "a processor that is not there": (
        lambda folder: [folder / "text.tflite"],
        {"cpus": (0, 9999)},
        "no processor 9999 is",
    ),
}


@pytest.mark.parametrize(("models", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_measured_is_an_error_for_the_user(tmp_path, models, options, message):
    (tmp_path / "text.tflite").write_text("no model")
    with pytest.raises(InputError, match=message):
        bench(models(tmp_path), Plan(**options))


def test_a_file_with_tensorflows_own_ops_is_unsupported(tmp_path):
    path = tmp_path / "flex.tflite"
    path.write_bytes(with_custom_op(quantized_sr_graph(), "FlexErf"))
    with pytest.raises(UnsupportedError, match="FlexErf is TensorFlow's own op"):
        bench([path], QUICK)


def node(name, inputs, outputs):
    return {"op_name": name, "inputs": inputs, "outputs": outputs}


def test_nodes_between_two_partitions_are_named():
    chain = [node("CONV_2D", [0, 1, 2], [3]), node("PRELU", [3, 4], [5]), node("CONV_2D", [5, 1, 2], [6]), node("ADD", [6, 3], [7])]  # fmt: skip  # noqa: E501
    plan = [*chain, node("DELEGATE", [0, 1, 2], [3]), node("DELEGATE", [5, 1, 2, 3], [7])]
    assert delegated(plan) == {"nodes": 4, "delegated": 3, "partitions": 2, "outside": ["PRELU"]}
    assert delegated(chain)["outside"] == ["CONV_2D", "PRELU", "CONV_2D", "ADD"]


def test_bench_and_its_worker_start_without_torch():
    rooms = "sr2tflite.commands.bench, sr2tflite.commands.bench_android, sr2tflite.bench.worker"
    code = f"import sys, {rooms}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
