"""``report.html``: whole, alone, and the same whenever it is made."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from kit.page import read
from kit.tiny_run import HOSTILE, Without

from sr2tflite.cli.verbs import group
from sr2tflite.graph import tflite
from sr2tflite.run.artifacts import CERTIFICATE
from sr2tflite.run.folder import MANIFEST
from sr2tflite.run.report.gather import gather
from sr2tflite.run.report.page import page

SECTIONS = ["quality", "crops", "chain", "graph", "budget", "latency", "certificate", "findings", "recipe"]


def made(folder: Path) -> str:
    return page(gather(folder), folder)


def test_a_whole_run_gives_every_section_and_lacks_nothing(made_run: Path) -> None:
    report = gather(made_run)
    assert (report.missing, report.notes) == ([], [])
    found = read(page(report, made_run))
    assert found.faults == []
    assert [one["id"] for one in found.of("section")] == SECTIONS
    assert {one.get("data-sheet") for one in found.of("figure")} == {"judged/flower", f"judged/{HOSTILE}", None}
    for words in ("All 2 gates hold", "qat.onnx", report.artifacts[0].sha256, "CONV_2D", "16 rules hold", "body.0"):
        assert words in found.words, words


def test_the_same_folder_gives_the_same_bytes_from_anywhere(
    made_run: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(made_run)
    assert made(made_run) == first
    monkeypatch.chdir(made_run.parent)
    assert made(Path("run")) == first
    assert made(run_folder) == first, "a copy of the folder"


def test_run_and_report_write_the_same_page(made_run: Path, without: Without) -> None:
    assert made(without("verify.json")) == (made_run / "report.html").read_text()


def test_nothing_in_the_page_is_loaded_from_elsewhere(made_run: Path) -> None:
    found = read(made(made_run))
    for tag, attributes in found.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, name, value)
        assert "style" not in attributes, "the policy forbids it"
        assert not any(name.startswith("on") for name in attributes), "likewise"
    styles = re.findall(r"<style>(.*?)</style>", made(made_run), re.DOTALL)
    assert styles
    assert not any(word in style for style in styles for word in ("url(http", "@import", "//"))


def test_the_policy_comes_first_and_allows_only_what_is_in_the_page(made_run: Path) -> None:
    found = read(made(made_run))
    policy = next(one["content"] for one in found.of("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert all(one.startswith("'sha256-") for key in ("style-src", "script-src") for one in rules[key].split())
    names = [tag for tag, _ in found.elements]
    assert names.index("meta") < names.index("style")


def test_hostile_names_are_words_and_nothing_else(run_folder: Path) -> None:
    graph = tflite.read((run_folder / "model.tflite").read_bytes(), "model.tflite")
    hostile = '"><img src=x onerror=alert(1)>'
    (run_folder / "recipe.yaml").write_text(f"name: '{hostile}'\nstudent: {{name: '{hostile}'}}\n")
    text = (run_folder / CERTIFICATE).read_text().replace(graph.nodes[0].output, "</script><script>alert(2)//")
    (run_folder / CERTIFICATE).write_text(text)
    found = read(made(run_folder))
    assert found.faults == []
    assert len(found.of("script")) == 2
    assert not [one for one in found.of("img") if not (one["src"] or "").startswith("data:")]
    assert hostile in found.words
    assert "</script><script>alert(2)//" in found.words
    assert f"judged/{HOSTILE}" in found.words


LACKING = {
    "no trained file": (("qat.onnx",), "qat"),
    "no files": (("model.tflite", "model_free.tflite"), "files"),
    "no crops": (("crop1.png", "crop2.png"), "crops"),
    "no certificate": ((CERTIFICATE,), "certificate"),
    "no findings": (("verify.json",), "findings"),
    "no recipe": (("recipe.yaml", "crop1.png", "crop2.png"), "crops"),
    "no manifest": ((MANIFEST,), "quality"),
    "artifacts alone": ((MANIFEST, "recipe.yaml", "report.json", "verify.json", "ptq.onnx", CERTIFICATE), "latency"),
}


def parses(command: str) -> None:
    """Whether a command line is one: raises where not."""
    _, verb, *words = shlex.split(command.split(" > ")[0])
    found = group.commands[verb]
    assert isinstance(found, click.Command)
    found.make_context(verb, words)


@pytest.mark.parametrize(("gone", "part"), LACKING.values(), ids=LACKING)
def test_what_is_not_there_is_named_with_the_command_that_makes_it(
    gone: tuple[str, ...], part: str, without: Without
) -> None:
    folder = without(*gone)
    report = gather(folder)
    found = read(page(report, folder))
    assert found.faults == []
    assert [one["id"] for one in found.of("section")] == SECTIONS
    assert report.lacks(part)
    for one in report.missing:
        assert one.command in found.words
        parses(one.command)


def test_one_file_alone_has_a_report(made_run: Path, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes((made_run / "model.tflite").read_bytes())
    report = gather(tmp_path)
    found = read(page(report, tmp_path))
    assert found.faults == []
    assert "CONV_2D" in found.words
    assert {one.part for one in report.missing} == {
        *("quality", "crops", "budget", "latency", "certificate", "findings")
    }


def test_a_changed_file_is_called_changed_and_its_figures_are_left_out(run_folder: Path) -> None:
    data = (run_folder / "model_float.tflite").read_bytes()
    (run_folder / "model.tflite").write_bytes(data)
    report = gather(run_folder)
    assert [one.file for one in report.artifacts if one.is_changed] == ["model.tflite"]
    assert report.checks == []
    assert report.benches == []
    assert "verify.json: is about another model.tflite than the one here" in report.notes
    words = read(page(report, run_folder)).words
    assert "✗ changed since the run" in words
    gates = {one.gate: one.holds for one in report.findings}
    assert gates == {"psnr_drop_db": True, "latency_ratio": False}, "what was not measured of this file does not hold"


def test_a_failing_gate_is_said_at_the_head(run_folder: Path) -> None:
    recipe = (run_folder / "recipe.yaml").read_text().replace("psnr_drop_db: 50.0", "psnr_drop_db: -9.0")
    (run_folder / "recipe.yaml").write_text(recipe)
    assert "1 of 2 gates fails" in read(made(run_folder)).words


def test_stages_that_the_recipe_leaves_out_are_not_of_the_run(run_folder: Path) -> None:
    recipe = (run_folder / "recipe.yaml").read_text()
    changed = re.sub(r"^qat:\n(?: .*\n)+", "qat: null\n", recipe, flags=re.MULTILINE)
    assert changed != recipe
    (run_folder / "recipe.yaml").write_text(changed.replace("budget: 1", "budget: 0"))
    report = gather(run_folder)
    sources = {one.file: one.made_from for one in report.artifacts}
    assert "qat.onnx" not in sources
    assert sources["model.tflite"] == ("ptq.onnx",)
    assert report.lacks("budget")


def test_the_whole_hashes_of_all_files_can_be_read_and_are_those_of_the_manifest(made_run: Path) -> None:
    words = read(made(made_run)).words
    manifest = json.loads((made_run / MANIFEST).read_text())
    hashes = [
        digest for record in manifest.values() for name, digest in record["outputs"].items() if name != "budget.png"
    ]
    assert len(hashes) == 9
    assert all(digest in words for digest in hashes)
