"""What somebody types who does not know the verbs yet: each is answered with what to type instead."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.images import write_image
from sr2tflite.graph import onnx, tflite
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS

End = Callable[[str], tuple[int, str]]


@pytest.fixture
def end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> End:
    """A command line in a folder with one file of each kind: its status and what it says on stderr."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for index in range(3):
        low = draw.integers(0, 256, (8, 10, 3), dtype=np.uint8)
        write_image(Path(f"mes photos é/{index}.png"), low.repeat(9, 0).repeat(9, 1))
    name, settings = STUDENTS.parse({"name": "anchor_rep", "channels": 4, "depth": 1})
    checkpoint.store(Path("tiny.safetensors"), name, settings, settings.build().state_dict(), {})
    Path("deploy.onnx").write_bytes(onnx.write(float_sr_graph()))
    Path("ptq.onnx").write_bytes(onnx.write(quantized_sr_graph()))
    Path("model.tflite").write_bytes(tflite.write(quantized_sr_graph()))
    write_image(Path("judged.png"), draw.integers(0, 256, (30, 30, 3), dtype=np.uint8))
    Path("recipe.yaml").write_text("name: x\nstudent: abpn\ndata: {train: ['mes photos é'], evaluate: [judged.png]}\n")
    Path("profile.yaml").write_text("rule: [op_versions]\n")
    Path("empty.yaml").write_text("")

    def run(line: str) -> tuple[int, str]:
        capfd.readouterr()
        status = status_of(lambda: group.main(shlex.split(line), standalone_mode=False))
        return status, capfd.readouterr().err

    return run


FUSE = "is a checkpoint; expected a .onnx file\n  hint: sr2tflite fuse tiny.safetensors -o deploy.onnx"
WROTE = "hint: give the .onnx file that fuse, ptq or qat wrote"
EXPORT = "expected .tflite\n  hint: sr2tflite export QDQ.onnx --int8 --free-shape -o model.tflite"
IMAGES = "--calibrate 'mes photos é' -o x.onnx"
TRAIN = "train anchor_rep --data 'mes photos é' -o x.safetensors --set held_out=1 --set patch=16"

LINES = {
    f"ptq tiny.safetensors {IMAGES}": f"tiny.safetensors: {FUSE}",
    "qat tiny.safetensors --data 'mes photos é' -o x.onnx": f"tiny.safetensors: {FUSE}",
    "export tiny.safetensors --free-shape -o x.tflite": f"tiny.safetensors: {FUSE}",
    "export tiny.safetensors --challenge mai2026 -o x": f"tiny.safetensors: {FUSE}",
    "budget ptq.onnx --float tiny.safetensors --data 'mes photos é'": f"tiny.safetensors: {FUSE}",
    f"ptq abpn {IMAGES}": "abpn: is a student; expected a .onnx file\n  hint: sr2tflite fuse abpn -o deploy.onnx",
    f"ptq model.tflite {IMAGES}": f"model.tflite: is a .tflite file; expected .onnx\n  {WROTE}",
    f"ptq 'mes photos é' {IMAGES}": f"mes photos é: is a folder; expected .onnx\n  {WROTE}",
    f"ptq gone.safetensors {IMAGES}": "gone.safetensors: cannot read: No such file",
    f"ptq deploy.onnx {IMAGES} --set bits=4": "bits: 4 is no mapping; expected activations, container, ends, weights",
    "ptq deploy.onnx --calibrate 'mes photos é@jpg40' -o x.onnx": "'jpg40' is no degradation",
    "budget deploy.onnx --float ptq.onnx --data 'mes photos é'": "sr2tflite ptq deploy.onnx --calibrate DIR",
    "budget ptq.onnx --float deploy.onnx --data 'mes photos é' --plot x.jpg": "x.jpg does not end in .png",
    f"{TRAIN} --set losses=l1": "losses: l1 is no list; expected [l1]",
    f"{TRAIN} --start deploy.onnx": "deploy.onnx: is a .onnx file; expected a checkpoint",
    TRAIN.replace(
        "held_out=1", "held_out=9"
    ): "cannot hold out 9 of 3 training images\n  hint: give more images, or lower held_out: --set held_out=1",
    TRAIN.replace(
        "anchor_rep", "tiny.safetensors"
    ): "expected a student's name\n  hint: sr2tflite train STUDENT --start tiny.safetensors",
    "recalibrate deploy.onnx --data 'mes photos é' -o x.safetensors": "deploy.onnx: is a .onnx file; expected a checkp",
    "fuse tiny.safetensors --student abpn -o x.onnx": "expected abpn\n  hint: leave --student out",
    "bench 'mes photos é'": f"mes photos é: is a folder; {EXPORT}",
    "bench ptq.onnx": f"ptq.onnx: is a .onnx file; {EXPORT.replace('QDQ', 'ptq')}",
    "check model.tflite --profile nnapi --images gone": "gone: no such folder or image",
    "check model.tflite --profile profile.yaml": "did you mean 'rules'?\n  hint: start from one in /",
    "run empty.yaml": "hint: start from one in recipes/",
    "run 'mes photos é'": "Is a directory\n  hint: name one of the files in it",
    "run recipe.yaml --set weights=gone.pth --dry-run": "gone.pth: cannot read: No such file or directory",
    "run recipe.yaml --set qat.teacher=gone.onnx --dry-run": "gone.onnx: cannot read: No such file or directory",
    "ptq deploy.onnx --calibrate '' -o x.onnx": "'--calibrate': nothing is named; is a variable not set?",
    "eval '' --data 'mes photos é'": "nothing is named; is a variable not set?",
    "eval deploy.onnx --data 'mes photos é:'": "mes photos é:: names one folder beside ':'; expected HR:LR",
    "fuse nets.py -o x.onnx": "nets.py: is a module; expected a class in it\n  hint: sr2tflite fuse nets:CLASS",
    "fuse nets.py:Net -o x.onnx": "nets.py:Net: names a file; expected a module, as Python imports it",
    "upscale 'mes photos é' --model model.tflite": "mes photos é alone is named; expected what to enlarge, then where",
}


@pytest.mark.parametrize("line", LINES)
def test_the_answer_is_what_to_type_instead(line: str, end: End) -> None:
    status, err = end(line)
    assert (status, LINES[line] in err) == (2, True), err
    assert not list(Path.cwd().glob("x*"))


@pytest.mark.usefixtures("end")
@pytest.mark.parametrize("encoding", ["ascii", "utf-8:strict", "latin-1:surrogateescape"])  # Click replaces in ASCII
def test_signs_that_a_terminal_does_not_have_are_spelled_out(encoding: str) -> None:
    os.makedirs(b"odd")
    shutil.copy("judged.png", b"odd/no text \xff.png")
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": os.pathsep.join(sys.path)}
    for words in (
        "inspect deploy.onnx",
        "eval deploy.onnx --data odd --per-image",
        "eval deploy.onnx --data odd --json",
    ):
        command = [sys.executable, "-c", "from sr2tflite.cli import main; main()", *shlex.split(words)]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        if "--json" in words:
            told = "no text ?" if encoding == "ascii" else "no text \udcff"
            assert told in json.loads(done.stdout)["rows"][0]["images"][0]["image"]


def test_the_folder_of_the_user_is_found_where_the_shell_leaves_its_sign(
    end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(Path("mes photos é").resolve()))
    status, err = end("ptq deploy.onnx --calibrate=~/0.png --output=~/ptq.onnx")
    assert (status, Path("mes photos é/ptq.onnx").is_file()) == (0, True), err


@pytest.mark.usefixtures("end")
def test_a_plan_names_figures_as_figures(capfd: pytest.CaptureFixture[str]) -> None:
    status = status_of(lambda: group.main(["run", "recipe.yaml", "--dry-run"], standalone_mode=False))
    lines = capfd.readouterr().out.splitlines()
    assert status == 0
    assert "to do   evaluate: figures" in lines
