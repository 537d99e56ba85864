"""What the command line says while it works."""

import os
import pty
import subprocess
import sys

import pytest

from sr2tflite.cli.watch import watching
from sr2tflite.progress import remark

SPEAK = """
from sr2tflite.cli.watch import watching
from sr2tflite.progress import remark
with watching(False) as progress:
    for step in range(3):
        progress("training", step, 3, "loss 0.1")
        remark(progress, "left out", "[red]a.png[/red]: " + "does not decode " * 20)
"""


def test_a_remark_is_said_at_once_and_once(capfd: pytest.CaptureFixture[str]) -> None:
    with watching(False) as progress:
        for step in range(3):
            progress("training", step, 3, "loss 0.1")
            remark(progress, "left out", "a.png: does not decode")
            remark(progress, "left out", f"b{step % 2}.png: does not decode")
    assert capfd.readouterr().err.splitlines() == [
        f"left out: {name}.png: does not decode" for name in ("a", "b0", "b1")
    ]


def test_a_quiet_command_makes_no_remark(capfd: pytest.CaptureFixture[str]) -> None:
    with watching(True) as progress:
        remark(progress, "left out", "a.png: does not decode")
    assert capfd.readouterr() == ("", "")


def test_a_remark_stays_above_the_bars_of_a_terminal() -> None:
    mine, its = pty.openpty()
    child = subprocess.Popen([sys.executable, "-c", SPEAK], stderr=its, env={**os.environ, "TERM": "xterm"})
    os.close(its)
    said = b""
    try:
        while part := os.read(mine, 4096):
            said += part
    except OSError:  # the other end is closed
        pass
    assert child.wait() == 0
    os.close(mine)
    text = " ".join(said.decode().split())
    assert text.count("left out: [red]a.png[/red]: does not decode does not") == 1
    assert "training" in text
