"""Laws of the kind *rule*."""

from pathlib import Path

import pytest
from kit.graphs import quantized_sr_graph

from sr2tflite.check.case import Case
from sr2tflite.check.profile import load_profile, profiles
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.graph import onnx, tflite


@pytest.mark.parametrize("name", RULES.names())
def test_a_rule_says_what_it_asks_and_is_asked_by_a_profile(name: str) -> None:
    rule = RULES[name]
    assert issubclass(rule, Rule)
    assert rule.title
    assert rule.__doc__ != Rule.__doc__
    assert any(name == one for profile in profiles() for one, _ in load_profile(profile).rules)


@pytest.mark.parametrize("name", RULES.names())
def test_a_rule_finds_nothing_grave_in_an_honest_file(name: str, tmp_path: Path) -> None:
    graph = quantized_sr_graph(skip="concat", size=(21, 16))
    (tmp_path / "model.tflite").write_bytes(tflite.write(graph))
    (tmp_path / "qat.onnx").write_bytes(onnx.write(graph))
    checked = RULES[name]().check(Case(tmp_path / "model.tflite", against=tmp_path / "qat.onnx"))
    assert isinstance(checked, Checked)
    assert checked.seen
    assert not checked.is_left_out
    assert {finding.severity for finding in checked.findings} <= {"note"}
