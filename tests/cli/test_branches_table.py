"""Which activations got a second branch is told, and nothing where that was not asked for."""

import pytest

from sr2tflite.cli import show
from sr2tflite.quant.branches import Branching


def test_every_activation_that_could_be_split_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    show.branches((Branching("body.1", 93.25, 0.684, split=True), Branching("body.0", 40.0, -0.1, split=False)))
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["activation", "breakpoint", "gain,", "dB", "branches"]
    assert first.split() == ["body.1", "93.2", "+0.68", "two"]
    assert second.split() == ["body.0", "40.0", "-0.10", "one"]


def test_nothing_is_told_of_no_branches(capsys: pytest.CaptureFixture[str]) -> None:
    show.branches(())
    assert capsys.readouterr().out == ""
