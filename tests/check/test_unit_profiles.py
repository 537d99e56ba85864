"""Profiles of accelerators: every rule has an address, the GPU's ops are those of LiteRT's own function."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kit.graphs import quantized_sr_graph
from kit.one_op import CASES, quantized_one_op_graph
from kit.tails import with_tail

from sr2tflite.check.case import Case
from sr2tflite.check.catalog import catalog
from sr2tflite.check.engine import ask
from sr2tflite.check.profile import load_profile
from sr2tflite.check.rules._unit import UnitRule

UNITS = ("nnapi", "gpu", "hexagon", "ethos-u", "xnnpack")
PAGE = Path(__file__).parents[2] / "docs" / "check.md"


@pytest.mark.parametrize("name", UNITS)
def test_every_bound_of_an_accelerator_names_its_source(name: str) -> None:
    for rule, asked in load_profile(name).rules:
        if isinstance(asked, UnitRule):
            source = asked.cites or asked.source or ""
            assert source.startswith(("https://", "docs/", "sr2tflite/")), rule
        if rule in ("unit_ops", "conv_limits", "rank"):
            assert asked.cites, rule  # an accelerator's own


@pytest.mark.parametrize("name", [unit for unit in UNITS if unit != "ethos-u"])
def test_our_own_network_passes(name: str, filed: Callable[..., Case]) -> None:
    report = ask(load_profile(name), filed(quantized_sr_graph(skip="add", size=(9, 14))))
    assert report.passed
    assert not any(found.severity == "warning" for rule in report.rules for found in rule.checked.findings)


def test_vela_knows_no_pixel_shuffle(filed: Callable[..., Case]) -> None:
    report = ask(load_profile("ethos-u"), filed(quantized_sr_graph(skip="add", size=(9, 14))))
    assert [(one.where.kind, one.found) for one in report.errors] == [
        ("DEPTH_TO_SPACE", "DEPTH_TO_SPACE runs on the CPU")
    ]


@pytest.mark.parametrize("name", UNITS)
def test_a_layout_tail_passes_on_no_accelerator_and_the_next_command_is_its_fix(
    name: str, filed: Callable[..., Case]
) -> None:
    report = ask(load_profile(name), filed(with_tail(quantized_sr_graph(size=(9, 14)), is_clipped=True)))
    assert report.passed == (name == "xnnpack")  # CPUs run it, slowly
    assert report.following == f"sr2tflite check model.tflite --profile {name} --fix -o model_fixed.tflite"


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_gpu_takes_what_litert_says_it_takes(case: str, filed: Callable[..., Case]) -> None:
    from ai_edge_litert import _pywrap_analyzer_wrapper as analyzer

    graph = quantized_one_op_graph(case)
    filed(graph)
    told = analyzer.ModelAnalyzer("model.tflite", True, True)
    (asked,) = (rule for name, rule in load_profile("gpu").rules if name == "unit_ops")
    is_outside = bool(asked.check(filed(graph)).findings)
    assert ("looks compatible with GPU delegate" in told) != is_outside


def test_the_page_says_what_the_program_asks() -> None:
    """Else: ``python -c 'from sr2tflite.check.catalog import catalog; print(catalog(), end="")' > docs/check.md``."""
    assert PAGE.read_text() == catalog()
