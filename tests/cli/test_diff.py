"""``diff`` names what two networks differ in, and ends with 0 where that is nothing, with 4 where it is something."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit.graphs import float_sr_graph, per_tensor, quantized_sr_graph
from kit.students import deployed

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.images import write_image
from sr2tflite.graph import Graph, Node, onnx, ops, tflite
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.graph.shapes import with_size
from sr2tflite.numerics.qparams import QuantParams

Compare = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Compare:
    """Two graphs, each as a file of a suffix; the exit status, what JSON says and what a person reads."""
    monkeypatch.chdir(tmp_path)

    def run(a: Graph, b: Graph, kinds: str = "onnx tflite", *more: str) -> tuple[int, dict[str, Any], str]:
        names = [f"{name}.{kind}" for name, kind in zip("ab", kinds.split(), strict=True)]
        for name, graph in zip(names, (a, b), strict=True):
            Path(name).write_bytes({"onnx": onnx, "tflite": tflite}[name[2:]].write(graph))
        ended = []
        for words in (["--json"], []):
            ended.append(
                status_of(lambda words=words: group.main(["diff", *names, *more, *words], standalone_mode=False))
            )
            ended.append(capfd.readouterr().out)
        assert ended[0] == ended[2]
        told = json.loads(ended[1])
        assert (told["schema"], told["equal"]) == ("sr2tflite.diff/1", ended[0] == 0)
        return ended[0], told, ended[3]

    return run


def with_other_code(graph: Graph, name: str, at: int = 0) -> Graph:
    result = graph.copy()
    data = np.array(graph.tensors[name].data)
    data.flat[at] += 1 if data.flat[at] < 127 else -1
    result.update(name, data=data)
    return result


@pytest.mark.parametrize("kinds", ["onnx tflite", "tflite onnx", "onnx onnx", "tflite tflite"])
@pytest.mark.parametrize("make", [quantized_sr_graph, float_sr_graph])
def test_one_network_is_equal_to_itself_in_any_file(make: Callable[..., Graph], kinds: str, compare: Compare) -> None:
    status, told, out = compare(make(4, 1), make(4, 1), kinds)
    assert (status, told["values"]["first"]) == (0, None)
    assert "values: 0 values of 5 tensors differ, 7 generated images of 25×38" in out
    assert "A and B are equal\nnext: sr2tflite inspect b." in out


def test_a_free_size_equals_any(compare: Compare) -> None:
    graph = quantized_sr_graph(4, 1)
    assert compare(graph, with_size(graph, 12, 16), "tflite tflite")[0] == 0
    status, told, _ = compare(with_size(graph, 12, 16), with_size(graph, 16, 12), "tflite tflite")
    assert (status, told["ends"][0]["what"], told["ends"][0]["second"][:13]) == (4, "input", "int8 1×16×12×")


@pytest.mark.parametrize("make", [quantized_sr_graph, float_sr_graph])
def test_one_other_weight_is_found_and_so_is_the_first_tensor_it_reaches(
    make: Callable[..., Graph], compare: Compare
) -> None:
    graph = make(4, 2)
    status, told, out = compare(graph, with_other_code(graph, "body.1.weight", 7))
    weights = next(one for one in told["rules"] if one["rule"] == "same_weights")
    assert (status, len(weights["findings"]), weights["findings"][0]["where"]["tensor"]) == (4, 1, "body.1.weight")
    assert told["values"]["first"]["tensor"] == "body.1"
    assert "weights: op 2 CONV_2D body.1.weight: 1 of 144 values differ, first at [0, 0, 1, 3]" in out
    assert "values: first at op 2 CONV_2D body.1, image" in out


def test_one_other_scale_is_found(compare: Compare) -> None:
    graph = quantized_sr_graph(4, 1)
    other = graph.copy()
    (scale,), zero = graph.tensors["output"].quant.scale, (-127,)
    for name in ("tail", "output"):
        other.update(name, quant=QuantParams((scale,), zero))
    status, told, out = compare(graph, other)
    assert (status, told["ends"][0]["what"]) == (4, "output")
    assert "scales: op 3 CONV_2D tail: scale 1.0, zero point -127 in B, scale 1.0, zero point -128 in A" in out
    assert told["values"]["first"]["tensor"] == "tail"


def test_an_op_more_is_found_and_the_rest_is_still_compared(compare: Compare) -> None:
    graph = quantized_sr_graph(4, 1)
    other = with_other_code(graph, "stem.weight")
    tail = other.tensors["tail"]
    other.add_tensor(replace(tail, name="clipped"))
    place = next(at for at, node in enumerate(other.nodes) if "tail" in node.inputs)
    shuffle = other.nodes[place]
    other.nodes[place:] = [Node(ops.Relu(), ("tail",), ("clipped",)), replace(shuffle, inputs=("clipped",))]
    status, told, out = compare(graph, other)
    assert (status, told["ops"]) == (4, ["+ RELU clipped (B op 4)"])
    assert "ops: op 4 RELU clipped (A: tail): is RELU in B, CONV_2D in A" in out
    assert "weights: op 0 CONV_2D stem.weight: 1 of 108 values differ" in out
    assert told["values"]["first"]["tensor"] == "stem"


def test_other_ends_are_named_and_the_inside_is_compared_all_the_same(compare: Compare) -> None:
    graph = quantized_sr_graph(4, 1)
    status, told, _ = compare(graph, with_io(graph, "uint8"))
    assert (status, [one["what"] for one in told["ends"]]) == (4, ["input", "output"])
    assert {one["status"] for one in told["rules"]} == {"holds"}


def test_float_and_quantized_are_compared_in_ops_alone(compare: Compare) -> None:
    status, told, out = compare(float_sr_graph(4, 1), quantized_sr_graph(4, 1), "onnx onnx")
    assert status == 4
    assert "scales: one is float\nweights: one is float\n" in out
    assert told["values"]["seen"].startswith("not compared")


def test_uint8_files_are_compared_in_their_own_codes(compare: Compare) -> None:
    graph = as_uint8(per_tensor(quantized_sr_graph(4, 1)))
    assert compare(graph, graph, "tflite tflite")[0] == 0
    status, told, _ = compare(graph, with_other_code(graph, "tail.weight"), "tflite tflite")
    assert (status, told["values"]["first"]["tensor"]) == (4, "tail")


def test_images_are_those_one_gives(compare: Compare) -> None:
    write_image(Path("x.png"), np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8))
    graph = quantized_sr_graph(4, 1)
    _, told, _ = compare(graph, with_other_code(graph, "tail.weight"), "onnx tflite", "--image", "x.png")
    assert (told["values"]["first"]["image"], told["values"]["first"]["values"]) == ("x.png", 9 * 11 * 27)


def test_what_no_graph_can_be_made_of_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.onnx").write_bytes(onnx.write(quantized_sr_graph(4, 1)))
    Path("b.txt").write_text("x")
    assert status_of(lambda: group.main(["diff", "a.onnx", "b.txt"], standalone_mode=False)) == 2
    assert "b.txt: is a .txt file; expected .onnx or .tflite" in capfd.readouterr().err


def renamed(graph: Graph, names: dict[str, str]) -> Graph:
    """A copy whose tensors have other names."""
    result = Graph(name=graph.name, value_range=graph.value_range)
    for tensor in graph.tensors.values():
        result.add_tensor(replace(tensor, name=names.get(tensor.name, tensor.name)))
    for node in graph.nodes:
        ends = (tuple(names.get(name, name) for name in one) for one in (node.inputs, node.outputs))
        result.nodes.append(Node(node.op, *ends))
    result.inputs, result.outputs = graph.inputs, graph.outputs
    return result


def test_another_network_with_some_of_the_names_is_told_apart(compare: Compare) -> None:
    graph = quantized_sr_graph(4, 1, skip="nearest")
    other = renamed(quantized_sr_graph(4, 1), {"body.0": "features"})  # its tail is met by name alone
    status, told, out = compare(graph, other)
    assert (status, told["equal"]) == (4, False)
    assert "A and B differ" in out


def test_two_networks_are_tried_on_images_that_both_take(compare: Compare) -> None:
    unet = deployed("efm", 1)  # sides are multiples of four
    other = float_sr_graph(4, 1, value_range=unet.value_range)
    status, told, _ = compare(unet, renamed(other, {"stem": unet.nodes[0].output}))
    assert status == 4
    assert told["values"]["seen"].endswith("differ, 7 generated images of 24×36")
