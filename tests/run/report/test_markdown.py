"""``report.md``: the same in text."""

import json
import os
import re
from pathlib import Path

from kit.tiny_run import HOSTILE

from sr2tflite.commands.report import report
from sr2tflite.run.report.gather import gather
from sr2tflite.run.report.markdown import markdown


def test_text_says_what_the_page_says(made_run: Path) -> None:
    text = markdown(gather(made_run), made_run, made_run / "report.md")
    for title in ("Gates", "Quality", "What was made from what", "Graph", "Latency", "Findings", "Crops"):
        assert f"\n## {title}" in text
    assert "![every tensor](budget.png)" in text
    assert "16 rules hold" in text


def test_hostile_names_are_words(made_run: Path) -> None:
    text = markdown(gather(made_run), made_run, made_run / "report.md")
    assert HOSTILE not in text
    assert "judged/&lt;script&gt;alert(1)&lt;" in text


def test_pictures_are_linked_from_where_the_text_lies(run_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "r.md"
    report(run_folder, [target])
    links = re.findall(r"\]\((.*?)\)\n", target.read_text())
    assert len(links) >= 3
    for link in links:
        assert os.path.exists(target.parent / link), link


def test_every_row_of_a_table_has_as_many_cells_as_its_head(made_run: Path) -> None:
    text = markdown(gather(made_run), made_run, made_run / "report.md")
    cells = None
    for line in text.splitlines():
        count = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("| ") else None
        assert count is None or cells is None or count == cells, line
        cells = count


def test_data_holds_every_part(made_run: Path) -> None:
    data = json.loads(json.dumps(gather(made_run).to_json(), allow_nan=False))
    assert data["schema"] == "sr2tflite.report/1"
    assert {one["file"] for one in data["artifacts"]} >= {"deploy.onnx", "qat.onnx", "model.tflite"}
    assert data["graph"]["ops"][0]["writes"][0]["scale"] > 0
    assert data["checks"][0]["passed"] is True
    assert data["benches"][0]["models"][0]["rounds"]
    assert data["missing"] == []
