"""Shells complete verbs and options, and are not kept waiting by what a completion has no need of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sr2tflite.cli.shells import LINES

PROGRAM = "import sys; sys.argv[0] = 'sr2tflite'; from sr2tflite.cli import main; main()"


def completed(words: str, position: int) -> list[str]:
    told = {"COMP_WORDS": words, "COMP_CWORD": str(position), "_SR2TFLITE_COMPLETE": "bash_complete"}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env={**os.environ, **told}
    )
    return [line.split(",")[1] for line in ended.stdout.splitlines()]


def test_verbs_options_and_choices_are_completed() -> None:
    assert completed("sr2tflite ev", 1) == ["eval"]
    assert completed("sr2tflite recipe s", 2) == ["schema", "show"]
    assert completed("sr2tflite upscale --ov", 2) == ["--overwrite"]
    assert completed("sr2tflite ptq --weights per-c", 3) == ["per-channel"]


def test_completing_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "heavy = ('torch', 'numpy', 'pydantic', 'rich', 'onnx', 'cv2', 'yaml')\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(one for one in heavy if one in sys.modules)))\n"
    )
    paths = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    told = {"COMP_WORDS": "sr2tflite ex", "COMP_CWORD": "1", "_SR2TFLITE_COMPLETE": "bash_complete"}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **told, "PYTHONPATH": paths},
    )
    assert (ended.stdout, ended.stderr) == ("plain,export\n", "")


@pytest.mark.parametrize("shell", LINES)
def test_a_shell_takes_its_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    words = [sys.executable, "-c", PROGRAM, "completion", shell]
    script = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert script.splitlines()[-1] == f"# next: {LINES[shell]}"
    asked = {"bash": "complete -p sr2tflite", "zsh": "true", "fish": "complete -c sr2tflite"}[shell]
    before = "autoload -U compinit; compinit -u -D\n" if shell == "zsh" else ""
    ended = subprocess.run([shell, "-c", f"{before}{script}\n{asked}"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
