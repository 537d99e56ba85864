"""``sr2tflite package`` as a newcomer meets it."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.graphs import float_sr_graph
from kit.submissions import FIXED, FLOAT, FREE, honest, network

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.files import sha256
from sr2tflite.graph import onnx

End = Callable[..., tuple[int, str, str]]


@pytest.fixture
def end(capfd: pytest.CaptureFixture[str]) -> End:
    """Run a command line here: its exit status and what it wrote."""

    def ended(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = status_of(lambda: group.main(list(words), standalone_mode=False), as_json="--json" in words)
        return status, *capfd.readouterr()

    return ended


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run folder that has got as far as its quantized model, and files."""
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    Path("run/qat.onnx").write_bytes(onnx.write(network()))
    Path("run/manifest.json").write_text(json.dumps({"qat": {"outputs": {"qat.onnx": "?"}}}))
    Path("deploy.onnx").write_bytes(onnx.write(float_sr_graph()))
    for name, data in honest().items():
        Path(Path(name).name).write_bytes(data)


def test_a_run_becomes_an_archive_that_passes_and_depends_on_nothing_else(end: End) -> None:
    status, out, _ = end("package", "run", "--profile", "mai2026", "-o", "a.zip")
    assert status == 0
    assert out.splitlines()[-2:] == [
        "a.zip passes mai2026: 23 rules hold, 2 left out",
        "next: sr2tflite check a.zip --profile mai2026 --data DIR --runtime-ms X",
    ]
    end("package", "run/qat.onnx", "--profile", "mai2026", "-o", "b.zip")
    assert sha256(Path("a.zip").read_bytes()) == sha256(Path("b.zip").read_bytes())
    with zipfile.ZipFile("a.zip") as archive:
        assert archive.namelist() == [FIXED, FREE, FLOAT]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert [archive.read(name) for name in (FIXED, FREE)] == [honest()[name] for name in (FIXED, FREE)]


GIVEN = ("--fixed", "model.tflite", "--free", "model_none.tflite", "--float", "model_none_float.tflite")


def test_files_that_are_given_are_packed_as_they_are_and_checked(end: End) -> None:
    status, out, _ = end("package", *GIVEN, "--profile", "mai2026", "-o", "a.zip", "--json")
    data = json.loads(out)
    assert (status, data["schema"], data["passed"], data["source"]) == (0, "sr2tflite.package/1", True, None)
    swapped = ("--fixed", "model_none.tflite", "--free", "model.tflite", "--float", "model_none_float.tflite")
    status, out, _ = end("package", *swapped, "--profile", "mai2026", "-o", "b.zip")
    assert (status, Path("b.zip").exists()) == (4, True)
    assert "FAILS mai2026: 1 of 21 rules (package_shapes)" in out


REFUSED = {
    "no source": (("package",), "name a run folder"),
    "two sources": (("package", "run", "--fixed", "model.tflite"), "name a run folder"),
    "a file too few": (("package", *GIVEN[:4]), "give --float FILE.tflite too"),
    "no run folder": (("package", "."), "is no run folder"),
    "a float model": (("package", "deploy.onnx"), "holds no scales"),
    "a profile of files": (("package", "run", "--profile", "integrity"), "is about single files"),
    "no archive": (("package", "run", "-o", "folder"), "does not end in .zip"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_packed_is_refused_before_anything_is_written(case: str, end: End) -> None:
    words, message = REFUSED[case]
    more = [] if "--profile" in words else ["--profile", "mai2026"]
    more += [] if "-o" in words else ["-o", "a.zip"]
    status, _, err = end(*words, *more)
    assert (status, message in err) == (2, True), err
    assert not Path("a.zip").exists()


def test_it_starts_without_torch_or_tensorflow() -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sr2tflite.commands.package import package\n"
        "assert package(Path('run'), 'mai2026', Path('a.zip')).gate.passed\n"
        "assert not {'torch', 'tensorflow', 'lightning_fabric', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
