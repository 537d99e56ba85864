"""JSON that verbs wrote, read back into a report; and what cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest

from sr2tflite.errors import InputError
from sr2tflite.run.folder import MANIFEST
from sr2tflite.run.report import Report
from sr2tflite.run.report.gather import gather
from sr2tflite.run.report.page import page

CHECKED = {
    "profile": "mai2026",
    "file": "package/TFLite/other.tflite",
    "sha256": "0" * 64,
    "passed": False,
    "verdict": "does not fit",
    "rules": [
        {
            "rule": "names",
            "title": "names are right",
            "status": "fails",
            "seen": "3 files",
            "findings": [
                {"severity": "error", "where": {"op": 3, "kind": "ADD", "tensor": "t"}, "found": "a", "expected": "b"}
            ],
        }
    ],
}
GATE = {"schema": "sr2tflite.gate/1", "target": "x", "passed": False, "verdict": "", "profiles": [CHECKED, CHECKED]}


def test_what_check_wrote_is_found_in_the_folder(run_folder: Path) -> None:
    (run_folder / "any name.json").write_text(json.dumps(GATE))
    report = gather(run_folder)
    assert [one.profile for one in report.checks] == ["mai2026", "mai2026", "integrity"]
    text = page(report, run_folder)
    assert "op 3 ADD t: a; expected b" in text
    assert "does not fit" in text


def test_what_is_added_counts_over_what_the_run_told(run_folder: Path, tmp_path: Path) -> None:
    told = json.loads((run_folder / MANIFEST).read_text())["evaluate"]["facts"]
    told["rows"] = told["rows"][:1]
    (tmp_path / "eval.json").write_text(json.dumps(told))
    report = gather(run_folder, added=[tmp_path / "eval.json"])
    assert report.evaluation
    assert len(report.evaluation.rows) == 1


NOTED = {
    "no JSON": ("{", "is not JSON"),
    "deep": ("[" * 100_000, "is not JSON"),
    "a misfit": (json.dumps({**CHECKED, "passed": "who knows"}), "passed: input should be a valid boolean"),
    "no finite number": (json.dumps({"results": [], "failures": []}).replace("[]", "NaN", 1), "results: "),
}


@pytest.mark.parametrize(("text", "says"), NOTED.values(), ids=NOTED)
def test_a_file_of_the_folder_that_cannot_be_used_is_noted_and_the_rest_goes_on(
    text: str, says: str, run_folder: Path
) -> None:
    (run_folder / "x.json").write_text(text)
    report = gather(run_folder)
    (note,) = report.notes
    assert note.startswith("x.json: ")
    assert says in note
    assert note in page(report, run_folder).replace("&#39;", "'")


@pytest.mark.parametrize(("text", "says"), NOTED.values(), ids=NOTED)
def test_an_added_file_that_cannot_be_used_is_refused(text: str, says: str, run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=says):
        gather(run_folder, added=[tmp_path / "x.json"])


@pytest.mark.parametrize("content", [{"a": 1}, [], None, {"error": "InputError", "message": "m"}])
def test_json_of_no_verb_is_left_alone_in_the_folder_and_refused_where_added(content: Any, run_folder: Path) -> None:
    path = run_folder / "x.json"
    path.write_text(json.dumps(content))
    assert gather(run_folder).notes == []
    with pytest.raises(InputError, match="of no verb"):
        gather(run_folder, added=[path])


DAMAGED = {
    "no JSON": "}",
    "a list": "[]",
    "a stage that is none": '{"fuse": 3}',
    "facts that are none": '{"fuse": {"facts": []}}',
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_manifest_is_refused(text: str, run_folder: Path) -> None:
    (run_folder / MANIFEST).write_text(text)
    with pytest.raises(InputError):
        gather(run_folder)


ODD = {
    "evaluate": {"rows": "none"},
    "budget": {"rows": [1]},
    "bench": {"full": {"models": None}, "ratio": "fast"},
    "export": {"files": {"a": 1}},
    "qat": {"steps": "many", "best_psnr": None, "images": []},
    "fuse": {"summary": 7},
}


@pytest.mark.parametrize("stage", ODD)
def test_a_stage_that_told_something_else_leaves_the_other_parts_standing(stage: str, run_folder: Path) -> None:
    manifest = json.loads((run_folder / MANIFEST).read_text())
    manifest[stage]["facts"] = ODD[stage]
    (run_folder / MANIFEST).write_text(json.dumps(manifest))
    report = gather(run_folder)
    assert "<html" in page(report, run_folder)
    assert report.certificate
    assert [note for note in report.notes if stage in note] or stage in ("export", "qat", "fuse")


FILES = ("model.tflite", "deploy.onnx.certificate.json", "recipe.yaml", "report.json", "crop1.png")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("data", [b"", b"\xff\x00{", b"a: [", b"3", b"a: &a [*a]"])
def test_any_file_may_be_damaged(name: str, data: bytes, run_folder: Path) -> None:
    (run_folder / name).write_bytes(data)
    report = gather(run_folder)
    assert "<html" in page(report, run_folder)
    assert not _is_whole(report)


def test_a_recipe_may_hold_whatever_yaml_knows(run_folder: Path) -> None:
    (run_folder / "recipe.yaml").write_text(
        "name: 2026-11-21\nstudent: {depth: .nan, 3: .inf}\ngates: []\n1: !!binary aGk=\n"
    )
    report = gather(run_folder)
    assert report.name == "2026-11-21"
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["recipe"]["student"] == {
        "depth": "nan",
        "3": "inf",
    }
    assert "<html" in page(report, run_folder)


def _is_whole(report: Report) -> bool:
    return not (report.notes or report.missing)


def test_a_folder_of_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        gather(tmp_path)
    with pytest.raises(InputError, match="holds no run"):
        gather(tmp_path / "nowhere")
