"""``sr2tflite check --baseline``: is the file worse than what stood in its place?"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kit.submissions import honest, integer_file, network

from sr2tflite.bench.judged import Ratio
from sr2tflite.check.archive import archive_of
from sr2tflite.check.engine import Report
from sr2tflite.check.images import clouds
from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.commands import baseline
from sr2tflite.commands.baseline import Bounds, judged, measured, read_baseline, write_baseline
from sr2tflite.data.images import write_image
from sr2tflite.errors import InputError

PICTURES = (Path("pictures"),)
LINE = Path("base/line.json")
MODEL = Path("model.tflite")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, its baseline beside a copy, and pictures."""
    monkeypatch.chdir(tmp_path)
    for name in ("base/model.tflite", "model.tflite"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(integer_file(network(), (24, 32)))
    for seed in range(2):
        write_image(PICTURES[0] / f"{seed}.png", clouds(90, 96, seed))
    write_baseline(LINE, measured(Path("base/model.tflite"), PICTURES, None))


def another(**settings: Any) -> None:
    """Another file stands where the first one stood."""
    MODEL.write_bytes(integer_file(network(**settings), (24, 32)))


def asked(**bounds: Any) -> Report:
    return judged(MODEL, read_baseline(LINE), LINE, Bounds(data=PICTURES, **bounds))


def status(report: Report) -> dict[str, str]:
    return {rule.rule: rule.status for rule in report.rules}


def test_a_baseline_is_read_as_it_was_written_and_names_its_file_from_where_it_lies() -> None:
    found = read_baseline(LINE)
    assert json.loads(LINE.read_text())["model"] == "model.tflite"
    assert found == replace(measured(MODEL, PICTURES, None), model=Path("base/model.tflite"))


def test_the_same_file_is_as_good_and_is_not_timed() -> None:
    report = asked(max_drop=0.0, max_slowdown=0.0)
    assert status(report) == {"quality": "holds", "latency": "holds", "size": "holds"}
    assert report.rules[1].checked.seen == "the same bytes as before"


def test_a_drop_beyond_the_bound_fails_and_one_within_it_holds() -> None:
    another(gain=0.2)
    (drop,) = asked(max_drop=0.02).errors
    assert drop.found.endswith("dB below the baseline")
    assert asked(max_drop=60.0).passed


RATIOS = {
    "as fast": (Ratio("now", "before", 1.00, 0.98, 1.02, 0.999), "holds"),
    "within the bound": (Ratio("now", "before", 1.02, 1.00, 1.05, 0.999), "holds"),
    "slower, and surely": (Ratio("now", "before", 1.05, 1.04, 1.06, 0.999), "fails"),
    "perhaps slower": (Ratio("now", "before", 1.05, 1.01, 1.09, 0.999), "warned"),
    "slower, in too few rounds to be sure": (Ratio("now", "before", 1.05, 1.01, 1.09, 0.5), "fails"),
}


@pytest.mark.parametrize("case", RATIOS)
def test_a_file_is_slower_where_the_whole_interval_says_so(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ratio, wanted = RATIOS[case]
    another(gain=0.03)
    monkeypatch.setattr(baseline, "_timed", lambda *_: ratio)
    assert status(asked(max_slowdown=0.03))["latency"] == wanted


def test_what_cannot_be_measured_does_not_pass() -> None:
    another(gain=0.03)
    Path("base/model.tflite").write_bytes(b"another")
    assert "is " in asked(max_slowdown=0.03).errors[0].found
    Path("base/model.tflite").unlink()
    assert "cannot read" in asked(max_slowdown=0.03).errors[0].found
    write_baseline(LINE, measured(MODEL, (), None))
    assert asked(max_drop=1.0).errors[0].found == f"{LINE} holds no quality"


def test_what_comes_next_shows_where_the_two_part(monkeypatch: pytest.MonkeyPatch) -> None:
    another(gain=0.2)
    assert asked(max_drop=0.02).following == "sr2tflite diff base/model.tflite model.tflite"
    monkeypatch.setattr(baseline, "_timed", lambda *_: RATIOS["slower, and surely"][0])
    assert asked(max_slowdown=0.03).following == "sr2tflite bench base/model.tflite model.tflite --ops"


def test_other_images_are_refused() -> None:
    write_image(PICTURES[0] / "2.png", clouds(90, 96, 2))
    with pytest.raises(InputError, match="cannot be compared"):
        asked(max_drop=1.0)


def test_a_submission_is_judged_by_its_free_file_and_timed_by_its_fixed_one() -> None:
    Path("submission.zip").write_bytes(archive_of(honest()))
    found = measured(Path("submission.zip"), PICTURES, None)
    files = [len(data) for data in honest().values()]
    assert (found.size_bytes, found.quality) == (files[0], measured(MODEL, PICTURES, None).quality)


NONE = {
    "text": "no",
    "a list": "[]",
    "another form": json.dumps({"schema": "sr2tflite.gate/1"}),
    "a PSNR that is none": None,
}


@pytest.mark.parametrize("case", NONE)
def test_what_is_no_baseline_is_refused(case: str) -> None:
    text = NONE[case]
    if text is None:
        text = json.dumps({**json.loads(LINE.read_text()), "quality": {"psnr": float("nan"), "ssim": 1}})
    LINE.write_text(text)
    with pytest.raises(InputError, match="is no baseline"):
        read_baseline(LINE)


WORDS = {
    "bounds without a baseline": ("--max-drop", "0.02dB"),
    "a baseline without bounds": ("--baseline", "base/line.json"),
    "a drop without images": ("--baseline", "base/line.json", "--max-drop", "0.02dB"),
    "no percentage": ("--baseline", "base/line.json", "--max-slowdown", "fast"),
}


@pytest.mark.parametrize("case", WORDS)
def test_options_that_do_not_go_together_are_refused(case: str, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["check", "model.tflite", "--profile", "integrity", *WORDS[case]]
    assert status_of(lambda: group.main(words, standalone_mode=False)) == 2
    assert "Error: " in capfd.readouterr().err


def test_a_file_that_fails_becomes_no_baseline(capfd: pytest.CaptureFixture[str]) -> None:
    Path("strict.yaml").write_text("question: One scale?\nrules: [{name: per_channel, severity: error}]\n")
    words = ["check", "model.tflite", "--profile", "strict.yaml", "--write-baseline", "new.json"]
    assert status_of(lambda: group.main(words, standalone_mode=False)) == 4
    assert not Path("new.json").exists()
    words[3] = "integrity"
    assert status_of(lambda: group.main(words, standalone_mode=False)) == 0
    assert read_baseline(Path("new.json")).quality is None
    capfd.readouterr()
