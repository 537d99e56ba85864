"""What a newcomer is told to type can be typed, and what is wrong is named for what it is."""

import errno
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.graphs import quantized_sr_graph
from kit.submissions import honest, integer_file, network

from sr2tflite.check.archive import archive_of
from sr2tflite.check.images import clouds
from sr2tflite.check.profile import profiles
from sr2tflite.cli import UNREAD, status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.images import write_image
from sr2tflite.files import unreadable
from sr2tflite.graph import onnx

Told = Callable[..., tuple[int, str, str]]
ODD = "it's [red] ü.tflite"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Told:
    """A verb's exit status, what it says on stdout, and on stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        status = status_of(lambda: group.main(list(words), standalone_mode=False))
        said = capfd.readouterr()
        return status, said.out, said.err

    return run


def following(out: str) -> list[str]:
    """The words of the command to type."""
    return shlex.split(out.rpartition("\nnext: ")[2])


def test_a_name_of_any_letters_stays_one_word_of_what_to_type(told: Told) -> None:
    data = integer_file(network(), (24, 32))
    for name in (ODD, "model.tflite"):
        Path(name).write_bytes(data)
    Path("a b.onnx").write_bytes(onnx.write(quantized_sr_graph(4, 1)))
    Path("a b.zip").write_bytes(archive_of(honest()))
    for words in (
        ("check", ODD, "--profile", "gpu"),
        ("check", ODD, "--profile", "gpu", "--against", "model.tflite"),
        ("inspect", ODD),
        ("diff", "model.tflite", ODD),
    ):
        assert ODD in following(told(*words)[1]), words
    assert "a b.zip" in following(told("check", "a b.zip", "--profile", "mai2026")[1])
    target = "out [1].tflite"
    assert target in following(told("export", "a b.onnx", "--int8", "--free-shape", "-o", target)[1])


def test_what_a_submission_was_asked_with_is_asked_again(told: Told) -> None:
    Path("a.zip").write_bytes(archive_of(honest()))
    write_image(Path("my pictures/1.png"), clouds(90, 96, 0))
    out = told("check", "a.zip", "--profile", "mai2026", "--data", "my pictures", "--min-psnr", "1")[1]
    wanted = "sr2tflite check a.zip --profile mai2026 --data 'my pictures' --runtime-ms X"
    assert out.endswith(f"next: {wanted}\n")
    assert "run on 1 low-resolution image " in out
    assert " dB on 1 image, bicubic " in out


def test_a_run_that_is_no_submission_yet_is_to_be_packed(told: Told) -> None:
    Path("my run").mkdir()
    Path("my run/manifest.json").write_text("{}")
    status, out, _ = told("check", "my run", "--profile", "mai2026")
    assert (status, following(out)[:3]) == (4, ["sr2tflite", "package", "my run"])
    assert "a folder of 1 file " in out


@pytest.mark.parametrize("verb", ["inspect", "check --profile gpu", "verify", "diff model.tflite"])
def test_what_is_not_there_is_not_called_a_file(verb: str, told: Told) -> None:
    Path("model.tflite").write_bytes(integer_file(network(), (24, 32)))
    Path("folder").mkdir()
    status, _, err = told(*verb.split(), "nowhere")
    assert (status, "nowhere: cannot read: No such file or directory" in err) == (2, True), err
    if verb in ("verify", "diff model.tflite"):
        assert "folder: is a folder; expected " in told(*verb.split(), "folder")[2]


KINDS = {
    "b c.zip": "sr2tflite check 'b c.zip' --profile mai2026",
    "d.yml": "sr2tflite recipe show d.yml",
    "e.png": "name a network's file",
}


@pytest.mark.parametrize("name", KINDS)
def test_inspect_names_the_verb_for_a_file_that_it_does_not_know(name: str, told: Told) -> None:
    Path(name).write_bytes(b"x")
    status, _, err = told("inspect", name)
    assert (status, f"hint: {KINDS[name]}" in err) == (2, True), err


def test_what_is_no_onnx_file_is_not_called_damaged_for_being_another(told: Told) -> None:
    Path("model.tflite").write_bytes(integer_file(network(), (24, 32)))
    status, _, err = told("package", "model.tflite", "--profile", "mai2026", "-o", "a.zip")
    assert (status, "is a .tflite file; expected .onnx" in err) == (2, True), err


def test_each_profile_has_its_name_above_its_rules_and_in_the_help(told: Told) -> None:
    Path("model.tflite").write_bytes(integer_file(network(), (24, 32)))
    out = told("check", "model.tflite", "--profile", "gpu", "--profile", "xnnpack")[1]
    assert out.startswith("gpu: model.tflite")
    assert "\nxnnpack: model.tflite" in out
    words = told("check", "--help")[1].replace(",", " ").split()
    assert set(profiles()) <= set(words)


def test_options_that_no_profile_looks_at_are_named(told: Told) -> None:
    Path("model.tflite").write_bytes(integer_file(network(), (24, 32)))
    words = ("check", "model.tflite", "--profile", "gpu", "--data", "nowhere", "--runtime-ms", "3")
    assert "not used: --runtime-ms, --data; the profiles gpu are about no submission" in told(*words)[2]


def test_ends_of_another_integer_are_not_said_to_be_none(told: Told) -> None:
    Path("a.zip").write_bytes(archive_of(honest("mai2022")))
    status, out, _ = told("check", "a.zip", "--profile", "mai2026", "--json")
    rules = {rule["rule"]: rule for rule in json.loads(out)["profiles"][0]["rules"]}
    assert (status, rules["package_scales"]["seen"]) == (4, "no integer file has int8 ends")


def test_what_may_not_be_read_says_how_it_may() -> None:
    error = unreadable(Path("a b"), PermissionError(errno.EACCES, "Permission denied"))
    assert error.hint == "chmod +r 'a b'"


def test_a_place_without_permission_is_not_said_to_be_full(capfd: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "locked/a.zip")

    assert status_of(refuse) == 3
    assert "free some space" not in capfd.readouterr().err


def test_a_reader_that_goes_away_is_no_bug() -> None:
    Path("model.tflite").write_bytes(integer_file(network(), (24, 32)))
    words = [sys.executable, "-c", "from sr2tflite.cli import main; main()", "check", "model.tflite", "--profile=gpu"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", UNREAD)


def test_what_an_accelerator_does_not_take_is_not_to_be_written_again(told: Told) -> None:
    Path("fixed.tflite").write_bytes(integer_file(network(), (24, 32)))
    Path("free.tflite").write_bytes(integer_file(network(), (None, None)))
    out = told("check", "fixed.tflite", "--profile", "ethos-u")[1]  # whose compiler knows no DEPTH_TO_SPACE
    assert following(out) == ["sr2tflite", "inspect", "fixed.tflite", "--tree"]
    words = following(told("check", "free.tflite", "--profile", "ethos-u")[1])
    assert words[-6:] == ["--height", "720", "--width", "1280", "-o", "free.tflite"]


def test_the_tab_key_knows_the_profiles() -> None:
    words = {"COMP_WORDS": "sr2tflite check --profile mai", "COMP_CWORD": "3", "_SR2TFLITE_COMPLETE": "bash_complete"}
    code = "import sys; sys.argv[0] = 'sr2tflite'; from sr2tflite.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **words}, capture_output=True, text=True)
    assert [line.partition(",")[2] for line in done.stdout.split()] == ["mai2021", "mai2022", "mai2026"]
