"""The crops of a page: pixel for pixel those of the run, the worst first."""

import base64
import re
from pathlib import Path

import cv2
import numpy as np
from kit.tiny_run import Without

from sr2tflite.data.images import read_image, write_image
from sr2tflite.run.crops import FINAL, FLOAT, RENDERINGS, distance, windows
from sr2tflite.run.report.gather import gather
from sr2tflite.run.report.pictures import NAMES, maps, shown


def _pixels(address: str) -> np.ndarray:
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def test_a_page_shows_the_pixels_of_the_runs_pictures(made_run: Path) -> None:
    report = gather(made_run)
    files = {crop.image: crop.file for crop in report.crops}
    for one in shown(report, made_run):
        panels = windows(read_image(made_run / files[one.image]))
        assert panels is not None
        assert [rendering.name for rendering in one.renderings] == [NAMES[name] for name in RENDERINGS]
        for rendering, panel in zip(one.renderings, panels, strict=True):
            assert (_pixels(rendering.source) == panel).all()
        apart = distance(panels[RENDERINGS.index(FLOAT)], panels[RENDERINGS.index(FINAL)])
        assert one.map_text == f"|INT8 − float|: mean {apart.mean():.2f}, at most {apart.max()} of 255"


def test_the_image_that_loses_most_comes_first(made_run: Path) -> None:
    report = gather(made_run)
    assert report.evaluation
    rows = [
        report.evaluation.row(name, report.evaluation.protocols[0]) for name in ("deploy.onnx", "model_free.tflite")
    ]
    drops = {a.image: a.psnr - b.psnr for a, b in zip(rows[0].images, rows[1].images, strict=True)}  # type: ignore[union-attr,operator]
    assert [one.image for one in shown(report, made_run)] == sorted(drops, key=lambda name: -drops[name])


def test_the_baseline_is_shown_only_beside_a_trained_file(without: Without) -> None:
    folder = without("qat.onnx")
    (one, _) = shown(gather(folder), folder)
    assert NAMES["INT8, ptq"] not in [rendering.name for rendering in one.renderings]


def test_a_picture_of_something_else_is_noted(run_folder: Path) -> None:
    write_image(run_folder / "crop1.png", np.zeros((40, 50, 3), np.uint8))
    report = gather(run_folder)
    assert len(shown(report, run_folder)) == 1
    assert report.notes == ["crop1.png: is no picture of a run"]


def test_maps_come_from_the_folder_alone(run_folder: Path, tmp_path: Path) -> None:
    picture = (run_folder / "crop1.png").read_bytes()
    (run_folder / "model.verify").mkdir()
    (run_folder / "model.verify" / "a.png").write_bytes(picture)
    (tmp_path / "secret.png").write_bytes(picture)
    (run_folder / "model.verify" / "text.png").write_text("no picture")
    names = [
        "runs/x/model.verify/a.png",
        "../secret.png",
        str(tmp_path / "secret.png"),
        "model.verify/text.png",
        "gone.png",
    ]
    text = (run_folder / "verify.json").read_text()
    found = ", ".join(f'{{"severity": "error", "where": {{}}, "found": "x", "error_map": "{name}"}}' for name in names)
    changed = re.sub(r'"findings": \[\]', f'"findings": [{found}]', text, count=1)
    assert changed != text
    (run_folder / "verify.json").write_text(changed)
    assert list(maps(gather(run_folder), run_folder)) == ["runs/x/model.verify/a.png"]
