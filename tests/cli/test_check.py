"""``sr2tflite check`` as a newcomer meets it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.sabotage import with_island

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.graph import onnx, tflite

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
    """An honest file, and one with a float island; a profile of one's own."""
    monkeypatch.chdir(tmp_path)
    graph = quantized_sr_graph()
    Path("qat.onnx").write_bytes(onnx.write(graph))
    Path("model.tflite").write_bytes(tflite.write(graph))
    Path("island.tflite").write_bytes(tflite.write(with_island(graph)))
    Path("float.tflite").write_bytes(tflite.write(float_sr_graph()))
    Path("mine.yaml").write_text("question: Integers?\nrules: [integer_ops, {name: per_channel, severity: warning}]\n")


def test_a_file_that_passes_ends_with_0_and_the_next_command(end: End) -> None:
    status, out, _ = end("check", "model.tflite", "--profile", "mine.yaml", "--profile", "integrity")
    assert status == 0
    assert out.splitlines()[-3:] == [
        "model.tflite passes mine: 1 rules hold, 1 warn (per_channel), 0 left out",
        "model.tflite passes integrity: 11 rules hold, 5 left out",
        "next: sr2tflite verify model.tflite --against qat.onnx",
    ]


def test_a_file_that_fails_ends_with_4_and_names_the_rule(end: End) -> None:
    status, out, _ = end("check", "island.tflite", "--profile", "mine.yaml")
    assert status == 4
    assert "error: integer_ops: op 2 DEQUANTIZE real: computes in float32" in out
    assert "island.tflite FAILS mine: 1 of 2 rules (integer_ops)" in out


def test_a_folder_is_asked_by_the_file_that_goes_to_the_device(end: End) -> None:
    status, out, _ = end("check", ".", "--profile", "mine.yaml", "--against", "qat.onnx", "--json")
    data = json.loads(out)
    assert (status, data["schema"], data["passed"], data["target"]) == (0, "sr2tflite.gate/1", True, ".")
    (report,) = data["profiles"]
    assert (report["profile"], report["file"], report["schema"]) == ("mine", "model.tflite", "sr2tflite.check/1")


def test_markdown_holds_the_table_and_no_name_breaks_it(end: End) -> None:
    graph = quantized_sr_graph()
    Path("a|b.tflite").write_bytes(tflite.write(with_island(graph)))
    status, out, _ = end("check", "a|b.tflite", "--profile", "mine.yaml", "--markdown")
    assert status == 4
    assert "| ✗ | every op computes in integers | 6/9 integer ops |" in out
    assert "- **error** `integer_ops`: op 2 DEQUANTIZE real" in out


REFUSED = {
    "a missing file": (("check", "no.tflite", "--profile", "mine.yaml"), 2, "No such file"),
    "another kind of file": (("check", "qat.onnx", "--profile", "mine.yaml"), 2, "expected .tflite"),
    "no profile": (("check", "model.tflite"), 2, "Missing option '--profile'"),
    "an unknown profile": (("check", "model.tflite", "--profile", "integrty"), 2, "did you mean 'integrity'?"),
    "two forms": (("check", "model.tflite", "--profile", "mine.yaml", "--json", "--markdown"), 2, "exclude each other"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_checked_is_refused_in_one_message(case: str, end: End) -> None:
    words, expected, message = REFUSED[case]
    status, _, err = end(*words)
    assert (status, message in err) == (expected, True), err


def test_it_starts_without_torch_or_tensorflow() -> None:
    code = (
        "import sys\n"
        "from sr2tflite.commands.check import check\n"
        "from pathlib import Path\n"
        "assert check(Path('model.tflite'), ['integrity']).passed\n"
        "assert not {'torch', 'tensorflow', 'lightning_fabric', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
