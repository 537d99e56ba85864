import json
import subprocess
import sys

import pytest

from sr2tflite.bench.placing import delegated
from sr2tflite.bench.plan import Plan
from sr2tflite.bench.result import End, Placement
from sr2tflite.commands.bench import bench
from sr2tflite.errors import InputError
from sr2tflite.files import sha256
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.tflite import write
from sr2tflite.numerics.qparams import QuantParams

PIXELS = QuantParams((1.0,), (-128,))


@pytest.fixture
def model(tmp_path):
    """One addition and a shuffle: 27 channels in would be needed for RGB, so 12 in, 3 out, ×2."""

    def save(name, height=None, width=None):
        graph = Graph(inputs=("x",), outputs=("y",))
        graph.add_tensor(Tensor("x", (1, height, width, 12), "int8", PIXELS))
        graph.append(ops.Add(), ("x", "x"), Tensor("sum", (1, height, width, 12), "int8", QuantParams((2.0,), (-128,))))
        sizes = (height and 2 * height, width and 2 * width)
        end = Tensor("y", (1, *sizes, 3), "int8", QuantParams((2.0,), (-128,)))
        graph.append(ops.DepthToSpace(2), ("sum",), end)
        path = tmp_path / name
        path.write_bytes(write(graph))
        return path

    return save


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


REFUSED = {
    "no model": (lambda _: [], {}, "no model to measure"),
    "no such file": (lambda folder: [folder / "none.tflite"], {}, "cannot read"),
    "a foreign file": (lambda folder: [folder / "text.tflite"], {}, "not a TFLite file"),
    "no runs": (lambda folder: [folder / "text.tflite"], {"runs": 0}, "must be at least 1"),
    "no pixels": (lambda folder: [folder / "text.tflite"], {"size": (0, 8)}, "must be at least 1"),
}


@pytest.mark.parametrize(("models", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_measured_is_an_error_for_the_user(tmp_path, models, options, message):
    (tmp_path / "text.tflite").write_text("no model")
    with pytest.raises(InputError, match=message):
        bench(models(tmp_path), Plan(**options))


def node(name, inputs, outputs):
    return {"op_name": name, "inputs": inputs, "outputs": outputs}


def test_nodes_between_two_partitions_are_named():
    chain = [node("CONV_2D", [0, 1, 2], [3]), node("PRELU", [3, 4], [5]), node("CONV_2D", [5, 1, 2], [6]), node("ADD", [6, 3], [7])]  # fmt: skip  # noqa: E501
    plan = [*chain, node("DELEGATE", [0, 1, 2], [3]), node("DELEGATE", [5, 1, 2, 3], [7])]
    assert delegated(plan) == {"nodes": 4, "delegated": 3, "partitions": 2, "outside": ["PRELU"]}
    assert delegated(chain)["outside"] == ["CONV_2D", "PRELU", "CONV_2D", "ADD"]


def test_bench_and_its_worker_start_without_torch():
    code = "import sys, sr2tflite.commands.bench, sr2tflite.bench.worker; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
