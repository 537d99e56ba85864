import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from kit.graphs import quantized_sr_graph

from sr2tflite.bench.result import BenchReport, BenchResult, Device, End, ModelBench, Placement, Tool
from sr2tflite.bench.rounds import Round, latency
from sr2tflite.bench.score import scored
from sr2tflite.commands.eval import evaluate
from sr2tflite.commands.score import psnr_of
from sr2tflite.errors import InputError
from sr2tflite.evaluate.protocols import PROTOCOLS
from sr2tflite.export import direct
from sr2tflite.export.challenges import CHALLENGES, score
from sr2tflite.files import sha256
from sr2tflite.graph import tflite

# PSNR in dB, milliseconds, score: rows of the challenges' published tables
PUBLISHED = {
    "mai2021": [(29.58, 44.85, 51.02), (29.41, 38.32, 47.18), (29.52, 62.25, 33.82)],
    "mai2022": [(30.03, 19.2, 22.22), (29.88, 15.9, 21.84), (29.76, 15.0, 19.59), (29.87, 36.9, 9.27)],
    "mai2026": [(29.96, 4.33, 21.8), (29.93, 5.49, 16.5), (29.79, 41.1, 1.8)],
}
# as closely as the tables' own digits allow
WITHIN = {"mai2021": 2e-4, "mai2022": 3e-3, "mai2026": 1e-2}


@pytest.mark.parametrize("year", PUBLISHED)
def test_the_published_scores_follow(year):
    assert set(PUBLISHED) == set(CHALLENGES)
    for psnr, milliseconds, published in PUBLISHED[year]:
        assert score(CHALLENGES[year], psnr, milliseconds) == pytest.approx(published, rel=WITHIN[year])


def test_half_a_decibel_is_worth_half_the_time():
    year = CHALLENGES["mai2022"]
    assert score(year, 30.5, 20.0) == pytest.approx(score(year, 30.0, 10.0), rel=1e-12)


def measured(height, width, scale=3, *times):
    end = End("int8", (1, height, width, 3)), End("int8", (1, scale * height, scale * width, 3))
    rounds = [Round((), 1.0, 1.0, times, latency(times))] * 2
    placed = Placement("xnnpack", "xnnpack", 1, 1, 1, ())
    model = ModelBench.of_rounds(
        rounds, placed, name="m.tflite", sha256="ab", size_bytes=1, input=end[0], output=end[1]
    )
    device, tool = Device("host", "Some Processor 7"), Tool("t", None, None, "interpreter")
    result = BenchResult("2026", device, tool, 1, None, 1, 1, 2, True, (model,), ())
    return BenchReport((result,))


def test_a_score_names_the_device_whose_latency_it_is():
    (result,) = scored(measured(360, 640, 3, 18.0, 20.0, 22.0), CHALLENGES["mai2022"], {"ab": 29.9}).results
    (found,) = result.scores
    assert (found.score, found.latency_ms) == (score(CHALLENGES["mai2022"], 29.9, 20.0), 20.0)
    assert found.device == "Some Processor 7"
    assert "not the challenge's" in found.note


OTHERS = {"another size": (90, 160, 3), "another scale": (360, 640, 2)}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_another_size_than_the_challenges_has_no_score_and_says_so(case):
    report = measured(*case, 20.0)
    report = replace(report, results=(replace(report.results[0], notes=("a note",)),))
    (result,) = scored(report, CHALLENGES["mai2022"], {"ab": 29.9}).results
    assert (result.scores, result.notes[0]) == ((), "a note")
    assert "mai2022 timed 360×640 to 1080×1920" in result.notes[1]


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / name for name in ("a.tflite", "b.tflite")]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def evaluation(tmp_path, *rows):
    path = tmp_path / "eval.json"
    artifacts = [{"name": name, "sha256": digest} for name, digest, _, _ in rows]
    table = [{"artifact": name, "protocol": PROTOCOLS[by].id(3), "psnr": psnr} for name, _, by, psnr in rows]
    path.write_text(json.dumps({"scale": 3, "artifacts": artifacts, "rows": table}))
    return str(path)


def test_what_eval_prints_is_read(tmp_path):
    model, images = tmp_path / "model.tflite", tmp_path / "images"
    model.write_bytes(tflite.write(direct.prepare(quantized_sr_graph(), height=None, width=None, io="int8")))
    images.mkdir()
    cv2.imwrite(str(images / "one.png"), np.random.default_rng(0).integers(0, 256, (24, 30, 3), np.uint8))
    found = evaluate([model], [images], protocols=("y-shave3", "rgb"))
    told = tmp_path / "eval.json"
    told.write_text(json.dumps(found.to_json()))
    assert psnr_of([model], str(told)) == {sha256(model.read_bytes()): found.row("model.tflite", "rgb").mean.psnr}


def test_a_number_is_the_psnr_of_one_file(files):
    digest = sha256(files[0].read_bytes())
    assert psnr_of([files[0], files[0]], "29.9") == {digest: 29.9}
    with pytest.raises(InputError, match="one PSNR for 2 files"):
        psnr_of(files, "29.9")


def test_an_evaluation_knows_files_by_hash_and_else_by_name(files, tmp_path):
    first, second = (sha256(path.read_bytes()) for path in files)
    told = evaluation(
        tmp_path, ("other.tflite", first, "rgb", 30.0), ("a.tflite", "", "rgb", 1.0), ("b.tflite", None, "rgb", 29.0)
    )
    assert psnr_of(files, told) == {first: 30.0, second: 29.0}


def test_another_file_of_the_same_name_has_another_psnr(files, tmp_path):
    told = evaluation(tmp_path, ("a.tflite", "ab" * 32, "rgb", 30.0))
    with pytest.raises(InputError, match="no PSNR of this") as caught:
        psnr_of(files[:1], told)
    assert caught.value.hint == f"sr2tflite eval {files[0]} --data DIR --protocol rgb --json > eval.json"


WRONG = {
    "no such file": ("eval.json", "'eval.json' is neither a number nor a file"),
    "not a number": ("nan", "PSNR is nan dB"),
    "too much": ("1000", "expected up to 100"),
    "less than nothing": ("-3", "expected up to 100"),
}


@pytest.mark.parametrize(("told", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_psnr_is_an_error_for_the_user(files, told, message):
    with pytest.raises(InputError, match=message):
        psnr_of(files[:1], told)


def test_an_evaluation_without_the_file_or_of_another_kind_is_an_error(files, tmp_path):
    luma = evaluation(tmp_path, ("a.tflite", None, "y-shave3", 31.0))
    with pytest.raises(InputError, match=r"no PSNR of this a.tflite by the protocol rgb; it holds those of: none"):
        psnr_of(files[:1], luma)
    for content in ("text", "[1]", "{}", '{"artifacts": [1], "rows": []}'):
        path = tmp_path / "other.json"
        path.write_text(content)
        with pytest.raises(InputError, match="is not what sr2tflite eval --json prints"):
            psnr_of(files[:1], str(path))
