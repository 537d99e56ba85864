"""``sr2tflite report`` as a newcomer meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.tiny_run import Without

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group

End = Callable[..., tuple[int, str, str]]


@pytest.fixture
def end(capfd: pytest.CaptureFixture[str]) -> End:
    """Run a command line here: its exit status and what it wrote."""

    def ended(*words: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        line = [str(word) for word in words]
        status = status_of(lambda: group.main(line, standalone_mode=False), as_json="--json" in line)
        return status, *capfd.readouterr()

    return ended


def test_a_page_is_written_into_the_folder_and_the_last_line_goes_on(end: End, run_folder: Path) -> None:
    (run_folder / "report.html").unlink()
    status, out, _ = end("report", run_folder)
    assert status == 0
    written = run_folder / "report.html"
    assert out.splitlines() == [
        f"{written}: {written.stat().st_size:,} bytes",
        f"next: sr2tflite package {run_folder} --profile mai2026 -o submission.zip",
    ]


def test_every_form_is_written_where_it_is_asked_for(end: End, run_folder: Path, tmp_path: Path) -> None:
    names = [tmp_path / "out" / name for name in ("a.json", "a.md", "a.html")]
    status, out, _ = end("report", run_folder, *(word for name in names for word in ("-o", name)))
    assert status == 0
    assert all(str(name) in out for name in names)
    assert json.loads(names[0].read_text())["name"] == "tiny"
    assert names[1].read_text().startswith("# tiny\n")
    assert names[2].read_text().startswith("<!DOCTYPE html>")


def test_json_goes_to_stdout_and_nothing_else_is_written(end: End, run_folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")}
    status, out, err = end("report", run_folder, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["schema"] == "sr2tflite.report/1"
    assert {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")} == before


def test_what_is_missing_is_named_and_the_last_line_makes_it(end: End, without: Without) -> None:
    folder = without("verify.json")
    status, out, _ = end("report", folder)
    assert status == 0
    assert f"lacks findings: no rules were asked; in {folder}: sr2tflite report . --verify" in out
    assert out.splitlines()[-1] == f"next: sr2tflite report {folder} --verify"


def test_findings_and_costs_are_made_where_they_are_asked_for(end: End, without: Without) -> None:
    folder = without("verify.json", "budget.png")
    (folder / "recipe.yaml").write_text((folder / "recipe.yaml").read_text().replace("budget: 1", "budget: 0"))
    status, out, _ = end("report", folder, "--verify", "--budget", "1")
    assert status == 0, out
    assert "lacks" not in out
    assert json.loads((folder / "verify.json").read_text())["passed"] is True
    assert json.loads((folder / "budget.json").read_text())["rows"]
    assert (folder / "budget.png").is_file()


def test_a_file_without_its_source_is_asked_for_itself(end: End, without: Without) -> None:
    folder = without("verify.json", "qat.onnx", "ptq.onnx")
    status, _, err = end("report", folder, "--verify")
    assert status == 0, err
    assert json.loads((folder / "verify.json").read_text())["against"] is None


REFUSED = {
    "no run": (("report", "empty"), "holds no run"),
    "no folder": (("report", "nowhere"), "holds no run"),
    "another ending": (("report", "run", "-o", "x.pdf"), "expected .html, .md, .json"),
    "no ending": (("report", "run", "-o", "x"), "without an ending"),
    "an added file that is not there": (("report", "run", "--add", "no.json"), "No such file"),
    "an added file of no verb": (("report", "run", "--add", "run/report.json"), "of no verb"),
    "findings of nothing": (("report", "empty", "--verify"), "No such file"),
    "costs by no recipe": (("report", "empty", "--budget", "1"), "No such file"),
}


@pytest.mark.parametrize(("words", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_refused_with_a_reason(
    words: tuple[str, ...], says: str, end: End, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run_folder.parent)
    Path("empty").mkdir()
    status, _, err = end(*words)
    assert status == 2
    assert says in err
    assert not Path("x.pdf").exists()
