"""Every rule that compares two files finds its change, says where, and finds none where there is none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kit.graphs import per_tensor, quantized_sr_graph
from kit.sabotage import changed_op, next_float, renamed, rewired, swapped, with_code, with_scale

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.graph.passes.file_io import with_io

SAME = ("same_ops", "same_scales", "same_weights", "same_biases", "same_bytes")

COMPARED: dict[str, tuple[str, Callable[[Graph], Graph], str, str]] = {
    "a scale, in the last bit": (
        "same_scales",
        lambda g: with_scale(g, "body.0", next_float(g.tensors["body.0"].quant.scale[0])),
        "body.0",
        "(+1 in the last bit)",
    ),
    "a zero point": (
        "same_scales",
        lambda g: with_scale(g, "trunk", g.tensors["trunk"].quant.scale[0], -127),
        "trunk",
        "zero point -127",
    ),
    "a weight": (
        "same_weights",
        lambda g: with_code(g, "body.1.weight", (3, 1, 2, 4), 99),
        "body.1.weight",
        "1 of 576",
    ),
    "swapped biases": (
        "same_biases",
        lambda g: swapped(g, "stem.bias", "body.0.bias"),
        "stem.bias",
        "8 of 8 values differ",
    ),
    "an activation": (
        "same_ops",
        lambda g: changed_op(g, "body.1", activation="NONE"),
        "body.1",
        "activation NONE",
    ),
    "the wiring": ("same_ops", rewired, "trunk", "reads stem for body.1 and for stem"),
}


@pytest.mark.parametrize("case", COMPARED)
def test_a_change_is_found_by_its_rule_and_named(case: str, graph: Graph, filed: Callable[..., Case]) -> None:
    rule, change, tensor, said = COMPARED[case]
    findings = RULES[rule]().check(filed(change(graph), graph)).findings
    assert findings[0].where.tensor == tensor
    assert said in findings[0].found
    assert findings[0].severity == "error"


@pytest.mark.parametrize("rule", SAME)
@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
def test_files_of_every_kind_of_ends_are_what_they_were_made_from(
    rule: str, io: str, graph: Graph, filed: Callable[..., Case]
) -> None:
    checked = RULES[rule]().check(filed(with_io(graph, io), graph))  # type: ignore[arg-type]
    assert (checked.findings, checked.is_left_out) == ((), False)


@pytest.mark.parametrize("rule", SAME)
def test_a_uint8_file_is_what_its_int8_model_says(rule: str, graph: Graph, filed: Callable[..., Case]) -> None:
    graph = per_tensor(graph)
    checked = RULES[rule]().check(filed(as_uint8(graph), graph))
    assert (checked.findings, checked.is_left_out) == ((), False)


def test_the_other_file_may_be_a_tflite(graph: Graph, filed: Callable[..., Case], tmp_path: Path) -> None:
    (tmp_path / "other.tflite").write_bytes(tflite.write(quantized_sr_graph(size=(24, 30))))
    filed(with_code(graph, "stem.weight", (0, 0, 0, 0), 5))
    case = Case(Path("model.tflite"), against=Path("other.tflite"))
    assert RULES["same_weights"]().check(case).findings[0].where.tensor == "stem.weight"
    assert RULES["same_biases"]().check(case).findings == ()


def test_names_of_another_tool_stand_beside_yours(graph: Graph, filed: Callable[..., Case]) -> None:
    foreign = graph.copy()
    foreign.add_tensor(replace(foreign.tensors["body.0"], name="tf.nn.relu_1"))
    foreign.nodes = [
        replace(
            node,
            inputs=renamed(node.inputs, "body.0", "tf.nn.relu_1"),
            outputs=renamed(node.outputs, "body.0", "tf.nn.relu_1"),
        )
        for node in foreign.nodes
    ]
    foreign.drop_unused()
    scale = next_float(graph.tensors["body.0"].quant.scale[0])
    finding = RULES["same_scales"]().check(filed(with_scale(foreign, "tf.nn.relu_1", scale), graph)).findings[0]
    assert str(finding.where) == "op 1 CONV_2D tf.nn.relu_1 (yours: body.0)"


def test_the_first_differing_tensor_is_found_and_mapped(graph: Graph, filed: Callable[..., Case]) -> None:
    changed = with_code(graph, "body.1.weight", (3, 1, 1, 4), 90)
    (finding,) = RULES["same_bytes"]().check(filed(changed, graph)).findings
    assert (finding.where.kind, finding.where.tensor) == ("CONV_2D", "body.1")
    assert finding.error_map.difference.shape == finding.error_map.pixels.shape[:2]
    assert finding.error_map.largest >= 1
    # only one output channel of eight was touched
    assert finding.error_map.differ <= finding.error_map.values / 8


def test_every_file_is_compared_in_execution_order(graph: Graph, filed: Callable[..., Case]) -> None:
    changed = with_code(with_code(graph, "tail.weight", (0, 0, 0, 0), 1), "stem.weight", (0, 0, 0, 0), 1)
    tensors = [one.where.tensor for one in RULES["same_weights"]().check(filed(changed, graph)).findings]
    assert tensors == ["stem.weight", "tail.weight"]


def test_an_onnx_of_another_network_differs(graph: Graph, filed: Callable[..., Case]) -> None:
    last = RULES["same_ops"]().check(filed(graph, quantized_sr_graph(depth=3))).findings[-1]
    assert (last.where.tensor, last.expected) == (None, quantized_sr_graph(depth=3).summary())
