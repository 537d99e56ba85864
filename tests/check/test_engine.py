"""The engine and its profiles: who is asked, what is left out, and what the report says."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kit.graphs import quantized_sr_graph

from sr2tflite.check.case import Case
from sr2tflite.check.engine import SCHEMA, ask
from sr2tflite.check.profile import load_profile, profiles
from sr2tflite.commands.verify import verify
from sr2tflite.errors import RecipeError, StorageError
from sr2tflite.graph import Graph


def test_a_clean_file_holds_every_rule_and_says_what_was_compared(graph: Graph, filed: Callable[..., Case]) -> None:
    report = ask(load_profile("integrity"), filed(graph, graph))
    assert report.passed
    assert {rule.status for rule in report.rules} == {"holds", "noted"}
    assert report.verdict() == "model.tflite is what qat.onnx says: 16 rules hold, 0 left out"
    assert report.images == "7 generated images of 25×38"
    assert report.following == "sr2tflite bench model.tflite"


def test_without_another_file_the_comparing_rules_are_left_out(graph: Graph, filed: Callable[..., Case]) -> None:
    report = ask(load_profile("integrity"), filed(graph))
    out = [rule.rule for rule in report.rules if rule.status == "left out"]
    assert out == ["same_ops", "same_scales", "same_weights", "same_biases", "same_bytes"]
    assert "sound in itself" in report.verdict()


def test_a_file_that_lies_is_asked_nothing_that_needs_its_graph(graph: Graph, filed: Callable[..., Case]) -> None:
    quant = graph.tensors["stem.bias"].quant
    graph.update("stem.bias", quant=replace(quant, scale=tuple(2 * scale for scale in quant.scale)))
    filed(graph, quantized_sr_graph())
    report = verify(Path("model.tflite"), against=Path("qat.onnx"))
    assert not report.passed
    status = {rule.rule: rule.status for rule in report.rules}
    assert (status["truthful"], status["op_versions"]) == ("fails", "holds")
    assert {status[name] for name in status if name not in ("truthful", "op_versions")} == {"left out"}


def test_the_report_is_plain_data_of_a_named_schema(graph: Graph, filed: Callable[..., Case]) -> None:
    weight = graph.tensors["stem.weight"].data.copy()
    weight[0, 1, 1, 0] = 127 if weight[0, 1, 1, 0] < 0 else -127
    changed = graph.copy()
    changed.update("stem.weight", data=weight)
    filed(changed, graph)
    data = json.loads(json.dumps(verify(Path("model.tflite"), against=Path("qat.onnx")).to_json()))
    assert data["schema"] == SCHEMA == "sr2tflite.check/1"
    assert set(data) == {
        *("schema", "profile", "file", "sha256", "against", "images", "passed", "verdict", "next", "rules")
    }
    rules = {rule["rule"]: rule for rule in data["rules"]}
    assert all(set(rule) == {"rule", "title", "status", "seen", "findings"} for rule in data["rules"])
    (found,) = rules["same_weights"]["findings"]
    assert set(found) == {"severity", "where", "found", "expected", "source", "hint", "rewrite", "error_map"}
    assert found["where"] == {"op": 0, "kind": "CONV_2D", "tensor": "stem.weight", "yours": "stem.weight"}
    (bytes_,) = rules["same_bytes"]["findings"]
    assert bytes_["error_map"] == "model.verify/same_bytes-stem.png"
    assert Path(bytes_["error_map"]).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_no_folder_of_maps_is_made_where_nothing_differs(graph: Graph, filed: Callable[..., Case]) -> None:
    filed(graph, graph)
    verify(Path("model.tflite"), against=Path("qat.onnx"), maps=Path("maps"))
    assert sorted(path.name for path in Path().iterdir()) == ["model.tflite", "qat.onnx"]


def test_a_profile_of_ones_own_names_rules_with_settings(graph: Graph, filed: Callable[..., Case]) -> None:
    Path("mine.yaml").write_text(
        "question: May it go to my accelerator?\n"
        "rules: [integer_ops, {name: per_channel, severity: error}, {name: op_versions, min_runtime: '2.0'}]\n"
    )
    report = ask(load_profile("mine.yaml"), filed(graph))
    assert [(rule.rule, rule.status) for rule in report.rules] == [
        ("integer_ops", "holds"),
        ("per_channel", "fails"),
        ("op_versions", "fails"),
    ]
    assert report.images is None


BAD = {
    "an unknown rule": ("rules: [same_scale]\nquestion: why", "did you mean 'same_scales'?"),
    "an unknown setting": ("rules: [{name: op_versions, oldest: '2'}]\nquestion: why", "oldest: unknown key"),
    "a wrong setting": ("rules: [{name: multipliers, severity: grave}]\nquestion: why", "severity"),
    "no question": ("rules: [op_versions]", "question"),
    "no YAML": ("rules: [", "is no YAML"),
    "no mapping": ("[]", "a list is no mapping; expected challenge, question, rules"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_profile_is_refused_with_its_place(case: str) -> None:
    text, message = BAD[case]
    Path("bad.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_profile("bad.yaml")
    assert message in str(caught.value)


def test_an_unknown_profile_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(RecipeError, match="unknown profile 'integrit'"):
        load_profile("integrit")


@pytest.mark.parametrize("name", profiles())
def test_every_profile_that_comes_along_loads(name: str) -> None:
    assert load_profile(name).rules


def test_the_verdict_goes_without_maps_where_none_can_be_written(graph: Graph, filed: Callable[..., Case]) -> None:
    filed(graph, quantized_sr_graph(seed=1))
    Path("model.verify").write_text("a file")
    report = verify(Path("model.tflite"), against=Path("qat.onnx"))
    (found,) = next(rule.checked.findings for rule in report.rules if rule.rule == "same_bytes")
    assert (report.passed, found.error_map_file) == (False, None)
    with pytest.raises(StorageError):
        verify(Path("model.tflite"), against=Path("qat.onnx"), maps=Path("model.verify"))
