"""``inspect`` says what a file is, holds and costs: anybody's files, as far as they can be read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx as onnx_format
import pytest
from ai_edge_litert import schema_py_generated as schema
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.students import small

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.errors import InputError
from sr2tflite.files import sha256
from sr2tflite.graph import Graph, onnx, tflite
from sr2tflite.networks import checkpoint
from sr2tflite.run.folder import RunFolder, Stage

End = Callable[..., tuple[int, str, str]]


@pytest.fixture
def end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> End:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        status = status_of(lambda: group.main(["inspect", *words], standalone_mode=False))
        return status, *capfd.readouterr()

    return run


def told(end: End, *words: str) -> dict[str, Any]:
    status, out, err = end(*words, "--json")
    assert (status, err) == (0, ""), err
    found: dict[str, Any] = json.loads(out)
    assert found["schema"] == "sr2tflite.inspect/1"
    return found


def changed(change: Callable[[Any], object], graph: Graph) -> bytes:
    """A file with its records changed."""
    model = schema.ModelT.InitFromPackedBuf(tflite.write(graph))
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def graph_with_history() -> Graph:
    graph = quantized_sr_graph(8, 2, 3, skip="none", size=(10, 20))
    graph.metadata |= {"calibrated_on": "00000001 00000002", "trained_on": "00000003"}
    return graph


def test_a_file_is_told_by_its_numbers(end: End) -> None:
    data = tflite.write(graph_with_history())
    Path("m.tflite").write_bytes(data)
    found = told(end, "m.tflite")
    assert (found["size_bytes"], found["sha256"]) == (len(data), sha256(data))
    weights = 9 * (3 * 8 + 8 * 8 + 8 * 8 + 8 * 27)
    assert found["parameters"] == weights + 3 * 8 + 27
    assert found["costs"]["macs"] == 200 * weights
    assert found["costs"]["macs_per_output_pixel"] == weights / 9
    assert (found["costs"]["activation_peak_bytes"], found["costs"]["activation_peak_at"]) == (
        200 * 54,
        "op 4 DEPTH_TO_SPACE",
    )
    assert (found["receptive_field_radius"], found["scale"]) == (4, 3)
    assert (found["calibrated_on"], found["trained_on"]) == (["00000001", "00000002"], ["00000003"])
    assert found["inputs"][0]["quantization"] == {"scale": [1.0], "zero_point": [-128], "axis": None}
    assert [one["op"] for one in found["ops"]] == [*["CONV_2D"] * 4, "DEPTH_TO_SPACE"]


def test_the_summary_and_the_tree_are_for_people(end: End) -> None:
    Path("m.tflite").write_bytes(tflite.write(graph_with_history()))
    status, out, err = end("m.tflite", "--tree")
    assert (status, err) == (0, "")
    for line in (
        "CONV_2D×4 DEPTH_TO_SPACE",
        "raw pixels − 128",
        "±4 pixels, 9×9; ×3",
        "calibrated on 2 images, trained on 1 image",
        "3 CONV_2D v3  stride 1×1, dilation 1×1, padding SAME, activation NONE  388,800 MACs",
        "reads  tail.weight  27×3×3×8  int8  27 scales",
    ):
        assert line in out, out
    assert out.splitlines()[-1] == "next: sr2tflite verify m.tflite"


@pytest.mark.parametrize("make", [float_sr_graph, quantized_sr_graph])
def test_onnx_and_tflite_of_one_graph_are_told_alike(make: Callable[..., Graph], end: End) -> None:
    Path("m.onnx").write_bytes(onnx.write(make()))
    Path("m.tflite").write_bytes(tflite.write(make()))
    one, other = (
        told(end, "m.onnx", "--height", "30", "--width", "40"),
        told(end, "m.tflite", "--height=30", "--width=40"),
    )
    for key in ("parameters", "scale", "receptive_field_radius", "costs", "value_range"):
        assert one[key] == other[key], key
    assert (one["costs"]["height"], one["costs"]["is_fixed"]) == (30, False)


def _custom(model: Any) -> None:
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].customCode = "MyConv"


def test_a_foreign_op_is_named_and_the_rest_is_told(end: End) -> None:
    Path("m.tflite").write_bytes(changed(_custom, graph_with_history()))
    found = told(end, "m.tflite")
    assert found["foreign_ops"] == [0, 1, 2, 3]
    assert (found["parameters"], found["costs"]["activation_peak_bytes"]) == (3363, 200 * 54)
    _, out, _ = end("m.tflite")
    assert "op 0 MyConv (stem); op 1 MyConv (body.0)" in out
    assert "and 1 more: outside the deploy graph's set" in out
    assert "not known: receptive field: MyConv stem: op MyConv may see more than its neighborhood" in out


def test_a_file_with_types_that_no_graph_has_is_listed(end: End) -> None:
    def to_bool(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.buffer == 0:
                tensor.type = schema.TensorType.BOOL

    Path("m.tflite").write_bytes(changed(to_bool, float_sr_graph(size=(4, 4))))
    found = told(end, "m.tflite")
    assert found["unknown"] == ["m.tflite: tensor input: is BOOL; expected one of: float32, int16, int32, int4, int64, int8, uint8"]  # fmt: skip  # noqa: E501
    assert {one["dtype"] for one in found["tensors"] if not one["is_constant"]} == {"bool"}


def test_a_file_that_is_run_otherwise_than_it_says_is_listed_with_the_lie(end: End) -> None:
    def lie(model: Any) -> None:
        biases = model.subgraphs[0].tensors[2].quantization
        biases.scale = biases.scale * np.float32(2)

    Path("m.tflite").write_bytes(changed(lie, graph_with_history()))
    found = told(end, "m.tflite")
    assert "biases have scale" in found["unknown"][0]
    assert len(found["ops"]) == 5


def test_another_tools_onnx_is_listed_by_its_nodes(end: End) -> None:
    x, y = (
        onnx_format.helper.make_tensor_value_info(name, onnx_format.TensorProto.FLOAT, [1, 3, "h", "w"])
        for name in "xy"
    )
    nodes = [
        onnx_format.helper.make_node("Softmax", ["x"], ["s"]),
        onnx_format.helper.make_node("Add", ["s", "b"], ["y"]),
    ]
    bias = onnx_format.numpy_helper.from_array(np.zeros((3, 1, 1), np.float32), "b")
    model = onnx_format.helper.make_model(onnx_format.helper.make_graph(nodes, "g", [x], [y], [bias]))
    Path("m.onnx").write_bytes(model.SerializeToString())
    found = told(end, "m.onnx")
    assert ([one["op"] for one in found["ops"]], found["foreign_ops"]) == (["Softmax", "Add"], [0])
    assert (found["parameters"], found["inputs"][0]["shape"]) == (3, [1, 3, None, None])
    assert found["next"] == "sr2tflite fuse m.onnx -o deploy.onnx"


def test_a_checkpoint_says_whose_weights_it_holds(end: End) -> None:
    student = small("abpn", 3)
    weights = student.build().state_dict()
    checkpoint.store(Path("tiny.safetensors"), "abpn", student, weights, {"trained_on": "00000003 00000004"})
    found = told(end, "tiny.safetensors")
    assert found["what"] == "weights of the student abpn"
    assert found["parameters"] == sum(one.numel() for one in weights.values())
    assert found["trained_on"] == ["00000003", "00000004"]


def test_a_run_folder_is_its_files_and_whether_they_are_still_those(end: End) -> None:
    paths = tuple(Path("run", name) for name in ("a.tflite", "b.tflite", "gone.tflite"))

    def export() -> dict[str, Any]:
        for path in paths:
            path.write_bytes(tflite.write(graph_with_history()))
        return {}

    RunFolder(Path("run")).run(Stage("export", {}, (), paths), export)
    Path("run/b.tflite").write_bytes(tflite.write(quantized_sr_graph()))
    Path("run/gone.tflite").unlink()
    Path("run/other.onnx").write_bytes(b"not one")
    found = told(end, "run")
    words = {Path(one["path"]).name: one["what"] for one in found["files"]}
    assert words["a.tflite"].endswith("; by export")
    assert words["b.tflite"].endswith("; CHANGED since export made it")
    assert found["unknown"] == [
        "run/other.onnx: not an ONNX file, or damaged",
        "gone.tflite: is gone; export made it",
    ]
    _, out, _ = end("run")
    assert "next: sr2tflite inspect run/a.tflite --tree" in out


BAD = {
    "another kind": (
        "x.gguf",
        b"",
        "is a .gguf file; expected .tflite, .onnx, .safetensors, .pt, .pth or a run folder",
    ),
    "half a file": ("x.tflite", tflite.write(quantized_sr_graph())[:900], "damaged TFLite file"),
    "no ONNX": ("x.onnx", b"x", "not an ONNX file, or damaged"),
    "no safetensors": ("x.safetensors", b"x", "is not a safetensors file"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_looked_at_is_refused(case: str, end: End) -> None:
    name, data, message = BAD[case]
    Path(name).write_bytes(data)
    status, out, err = end(name)
    assert (status, message in err, out) == (InputError.exit_status, True, ""), err


def test_a_folder_without_a_manifest_is_no_run(end: End) -> None:
    Path("x").mkdir()
    assert "holds no manifest.json" in end("x")[2]
