"""Submissions: what they are tried on, how they are judged, folders, and what is none."""

import re
from pathlib import Path
from typing import Any

import pytest
from kit.submissions import FIXED, FLOAT, FREE, Files, honest, integer_file, network

from sr2tflite.check.archive import archive_of
from sr2tflite.check.gate import Gate
from sr2tflite.check.images import clouds
from sr2tflite.check.package import Tried
from sr2tflite.commands.check import Given, check
from sr2tflite.data.images import write_image
from sr2tflite.errors import InputError
from sr2tflite.files import sha256
from sr2tflite.provenance import listed, short_id


def found(gate: Gate) -> tuple[str, ...]:
    """The rules that say something graver than a note."""
    (report,) = gate.reports
    return tuple(rule.rule for rule in report.rules if rule.status in ("fails", "warned"))


@pytest.fixture
def pictures() -> Path:
    """High-resolution images."""
    for seed in range(2):
        write_image(Path(f"pictures/{seed}.png"), clouds(120, 150, seed))
    return Path("pictures")


def judged(archive: bytes, **tried: Any) -> dict[str, Any]:
    Path("submission.zip").write_bytes(archive)
    gate = check(Path("submission.zip"), ["mai2026"], Given(tried=Tried(**tried)))
    return {rule.rule: rule for rule in gate.reports[0].rules} | {"gate": gate}


def test_with_images_the_files_are_compared_at_the_fixed_size_and_judged(pictures: Path) -> None:
    rules = judged(archive_of(honest()), data=(pictures,), runtime_ms=20.0)
    assert rules["package_agrees"].checked.seen == f"0 of {2 * 2160 * 3840 * 3:,} bytes differ on 2 images of 720×1280"
    said = rules["package_quality"].checked.seen
    psnr, bicubic = (float(one) for one in re.findall(r"([\d.]+) dB", said))
    # nearest enlargement is what the small network does, and that is below bicubic
    assert 20 < psnr < bicubic
    assert rules["package_quality"].status == "fails"
    score = float(rules["package_score"].checked.seen.split()[0])
    assert score == pytest.approx(2 ** (2 * psnr) / (1.156e16 * 20), rel=1e-3)


def test_a_floor_of_ones_own_stands_in_for_bicubic(pictures: Path) -> None:
    Path("submission.zip").write_bytes(archive_of(honest()))
    given = [Given(tried=Tried(data=(pictures,)), least_psnr=floor) for floor in (20.0, 60.0)]
    assert [check(Path("submission.zip"), ["mai2026"], one).passed for one in given] == [True, False]


def test_images_that_the_file_was_made_with_do_not_judge_it(pictures: Path) -> None:
    ids = [short_id(sha256(path.read_bytes())) for path in sorted(pictures.iterdir())]
    graph = network()
    graph.metadata["calibrated_on"] = listed(ids[:1])
    fault = archive_of({**honest(), FREE: integer_file(graph, (None, None))})
    (leak, _) = judged(fault, data=(pictures,))["package_quality"].checked.findings
    assert "was calibrated or trained on 1 of these images" in leak.found
    assert len(judged(fault, data=(pictures,), allow_leak=True)["package_quality"].checked.findings) == 1


def unpacked(files: Files, folder: str = "submission") -> Path:
    for name, data in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Path(folder)


def test_a_folder_is_a_submission_too() -> None:
    folder = unpacked(honest())
    gate = check(folder, ["mai2026"])
    assert gate.passed
    assert found(gate) == ()


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    files = honest()
    (tmp_path / "elsewhere.tflite").write_bytes(files.pop(FREE))
    folder = unpacked(files)
    (folder / FREE).symlink_to(tmp_path / "elsewhere.tflite")
    assert found(check(folder, ["mai2026"])) == ("archive",)
    whole = unpacked(honest(), "whole")
    Path("linked").mkdir()
    Path("linked/TFLite").symlink_to((whole / "TFLite").absolute())
    assert found(check(Path("linked"), ["mai2026"])) == ("archive",)


def test_a_float_file_that_2021_did_not_ask_for_is_a_note() -> None:
    files = honest("mai2021")
    del files[FLOAT]
    Path("submission.zip").write_bytes(archive_of(files))
    gate = check(Path("submission.zip"), ["mai2021"])
    assert (gate.passed, found(gate)) == (True, ())


def test_an_integer_files_profile_is_asked_of_the_fixed_file() -> None:
    folder = unpacked(honest())
    (report,) = check(folder, ["integrity"]).reports
    assert report.file == folder / FIXED


def test_one_file_is_no_submission() -> None:
    Path("model.tflite").write_bytes(honest()[FIXED])
    with pytest.raises(InputError, match="is one file; mai2026 asks about a submission's files"):
        check(Path("model.tflite"), ["mai2026"])
