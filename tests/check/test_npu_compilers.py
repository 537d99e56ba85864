"""Advice of the vendors' compilers: Intel's for real, the others' as far as LiteRT's plugins say what they miss."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from kit.changed import with_custom_op
from kit.graphs import quantized_sr_graph

from sr2tflite.check import npu_compilers
from sr2tflite.check.case import Case
from sr2tflite.check.npu_compilers import COMPILERS, Partitions
from sr2tflite.check.rules.npu_compilers import NpuCompilers
from sr2tflite.errors import InputError
from sr2tflite.graph.shapes import with_size
from sr2tflite.graph.tflite import write

INTEL = COMPILERS["intel_openvino"]
needs_intel = pytest.mark.skipif(
    not INTEL.is_installed, reason="openvino is not installed: pip install openvino==2026.3.1"
)
GRAPH = with_size(quantized_sr_graph(), 24, 24)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(write(GRAPH))
    return path


@needs_intel
def test_a_compiler_takes_a_whole_file(file: Path) -> None:
    assert INTEL.partitions(file) == Partitions(selected=6, total=6, count=1)
    found = NpuCompilers().check(Case(file))
    assert "intel_openvino LNL: 6 of 6 ops in 1 partition" in found.seen
    assert not found.findings


@needs_intel
def test_ops_that_a_compiler_leaves_are_counted_and_advised(file: Path) -> None:
    file.write_bytes(with_custom_op(GRAPH, "FlexErf"))
    convolutions = sum(node.op.kind == GRAPH.nodes[0].op.kind for node in GRAPH.nodes)
    found = NpuCompilers(vendors=("intel_openvino",), chips={"intel_openvino": "PTL"}).check(Case(file))
    (finding,) = found.findings
    assert finding.severity == "note"
    assert finding.found == f"intel_openvino PTL: {6 - convolutions} of 6 ops in 2 partitions"


@needs_intel
@pytest.mark.parametrize("content", [b"", b"no model at all", b"\0" * 400])
def test_what_is_no_file_ends_in_a_message(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(content)
    with pytest.raises(InputError, match="gave no partitions") as caught:
        INTEL.partitions(path)
    assert caught.value.hint is None  # it is installed


@needs_intel
def test_nothing_is_left_in_the_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    INTEL.partitions(file)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("vendor", "missing"),
    [("qualcomm", "libQnnHtp.so"), ("mediatek", "NeuronAdapter"), ("google_tensor", "liblitert_plugin_compiler.so")],
)
def test_a_vendor_without_libraries_says_which(file: Path, vendor: str, missing: str) -> None:
    compiler = COMPILERS[vendor]
    if compiler.is_installed:
        pytest.skip(f"{compiler.package} is installed")
    with pytest.raises(InputError, match=missing) as caught:
        compiler.partitions(file)
    assert caught.value.hint == f"pip install '{compiler.requirement}'"


def test_a_compiler_that_fails_is_a_note(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = replace(COMPILERS["qualcomm"], package="json")  # installed, and no SDK
    monkeypatch.setitem(npu_compilers.COMPILERS, "qualcomm", lost)
    found = NpuCompilers(vendors=("qualcomm",)).check(Case(file))
    assert found.seen == "qualcomm SM8750: not known"
    (finding,) = found.findings
    assert (finding.severity, finding.hint) == ("note", f"pip install '{lost.requirement}'")


def test_without_any_sdk_nothing_is_asked(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor, compiler in COMPILERS.items():
        monkeypatch.setitem(npu_compilers.COMPILERS, vendor, replace(compiler, package="not_installed_anywhere"))
    found = NpuCompilers().check(Case(file))
    assert found.is_left_out
    assert "openvino==2026.3.1" in found.seen


COMMAND = """
import sys, ai_edge_litert
ai_edge_litert.__path__.insert(0, sys.argv.pop(1))
from sr2tflite.cli import main
main()
"""


def _vendor(folder: Path, program: str) -> list[str]:
    """A command line whose only vendor is Qualcomm, with this program for LiteRT's."""
    package = folder / "ai_edge_litert_sdk_qualcomm"
    for place in (folder / "tools", folder / "vendors" / "qualcomm" / "compiler", package):
        place.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    asks = folder / "tools" / "apply_plugin_main"
    asks.write_text(f"#!/bin/sh\n{program}\n")
    asks.chmod(0o755)
    profile = folder / "asked.yaml"
    profile.write_text("question: Asked?\nrules: [{name: npu_compilers, vendors: [qualcomm]}]\n")
    return [sys.executable, "-c", COMMAND, str(folder), "check", "model.tflite", "--profile", str(profile)]


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_whoever_waits_is_told_for_what_and_an_interruption_leaves_nothing_running(file: Path) -> None:
    folder = file.parent / "vendor"
    command = _vendor(folder, f"sleep 300 & echo $! > {file.parent}/pid; wait")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    with subprocess.Popen(command, cwd=file.parent, env=environment, stderr=subprocess.PIPE, text=True) as asked:
        assert asked.stderr is not None
        assert asked.stderr.readline() == "waiting: for the compiler of qualcomm, at most 120 s\n"
        compiler = int((file.parent / "pid").read_text())
        assert _is_running(compiler)
        asked.send_signal(signal.SIGINT)
        assert asked.wait() == 130
    for _ in range(100):  # whom SIGKILL has reached ends when the kernel gets to it
        if not _is_running(compiler):
            break
        time.sleep(0.1)
    assert not _is_running(compiler)


def test_a_compiler_that_does_not_answer_is_ended_and_noted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npu_compilers, "LIMIT_S", 3)
    told: list[tuple[str, int, int, str]] = []
    # whatever holds the pipe that it speaks through is ended too: nothing waits for it
    command = ["/bin/sh", "-c", "sleep 300 & wait"]
    with pytest.raises(InputError, match="did not answer within 3 s"):
        npu_compilers._said(command, file.parent, dict(os.environ), "qualcomm", lambda *one: told.append(one))
    assert told[0][0] == "waiting"
    assert next(one for one in told if one[2])[:3] == ("compiler of qualcomm, s", 2, 3)


def test_a_quick_answer_is_not_worth_a_word(file: Path) -> None:
    told: list[object] = []
    command = ["/bin/sh", "-c", "echo quick"]
    said = npu_compilers._said(command, file.parent, dict(os.environ), "x", lambda *one: told.append(one))
    assert (said, told) == ("quick\n", [])
