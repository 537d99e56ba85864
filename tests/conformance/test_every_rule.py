"""Laws of the kind *rule*."""

from pathlib import Path

import pytest
from kit.graphs import quantized_sr_graph
from kit.submissions import honest

from sr2tflite.check.archive import archive_of
from sr2tflite.check.case import Case
from sr2tflite.check.images import clouds
from sr2tflite.check.package import Package, Tried
from sr2tflite.check.profile import load_profile, profiles
from sr2tflite.check.rules import RULES, Checked, PackageRule, Rule
from sr2tflite.data.images import write_image
from sr2tflite.export.challenges import CHALLENGES
from sr2tflite.graph import onnx, tflite


@pytest.mark.parametrize("name", RULES.names())
def test_a_rule_says_what_it_asks_and_is_asked_by_a_profile(name: str) -> None:
    rule = RULES[name]
    assert issubclass(rule, Rule)
    assert rule.title
    assert rule.__doc__ != Rule.__doc__
    assert any(name == one for profile in profiles() for one, _ in load_profile(profile).rules)


OF_FILES = [name for name in RULES.names() if not issubclass(RULES[name], PackageRule)]
OF_PACKAGES = [name for name in RULES.names() if issubclass(RULES[name], PackageRule)]


@pytest.mark.parametrize("name", OF_FILES)
def test_a_rule_finds_nothing_grave_in_an_honest_file(name: str, tmp_path: Path) -> None:
    graph = quantized_sr_graph(skip="concat", size=(21, 16))
    (tmp_path / "model.tflite").write_bytes(tflite.write(graph))
    (tmp_path / "qat.onnx").write_bytes(onnx.write(graph))
    checked = RULES[name]().check(Case(tmp_path / "model.tflite", against=tmp_path / "qat.onnx"))
    assert isinstance(checked, Checked)
    assert checked.seen
    assert not checked.is_left_out
    assert {finding.severity for finding in checked.findings} <= {"note"}


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """An honest submission, and a picture that was enlarged as its network enlarges: no bicubic is better there."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "submission.zip").write_bytes(archive_of(honest()))
    pixels = clouds(20, 24, 0).repeat(3, 0).repeat(3, 1)
    write_image(folder / "HR" / "a.png", pixels)
    write_image(folder / "LR" / "a.png", pixels[::3, ::3])
    tried = Tried(data=(folder,), runtime_ms=20.0)
    return Package(folder / "submission.zip", CHALLENGES["mai2026"], tried)


@pytest.mark.parametrize("name", OF_PACKAGES)
def test_a_rule_finds_nothing_in_an_honest_submission_and_says_who_asks_for_it(name: str, package: Package) -> None:
    checked = RULES[name]().check_package(package)  # type: ignore[attr-defined]
    assert checked.seen
    assert not checked.is_left_out
    assert checked.findings == ()
    year = name in ("package_names", "package_shapes", "package_types", "package_agrees")
    assert RULES[name].source or year  # the year's own source, or what the files say of each other


@pytest.mark.parametrize("name", OF_PACKAGES)
def test_a_rule_about_submissions_leaves_a_single_file_out(name: str, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(tflite.write(quantized_sr_graph()))
    assert RULES[name]().check(Case(tmp_path / "model.tflite")).is_left_out
