"""Fixtures of ``bench --android`` on loop phones."""

from pathlib import Path

import pytest
from outside import tool
from outside.benched import Bench, Program, Told, words, write_model
from outside.loop import World

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.tflite")


@pytest.fixture
def bench(world: World, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The program, in this process: the same words, messages and statuses."""

    def called(*more: str | Path) -> Told:
        status = status_of(lambda: group.main(words(world.adb, *more), standalone_mode=False), as_json="--json" in more)
        return Told(status, *capsys.readouterr())

    return called


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Writes a ``benchmark_model``."""
    if tool.HERE is None:
        pytest.skip("the phone's benchmark_model is x86_64's")

    def written(content: bytes) -> Path:
        (tmp_path / "tool").write_bytes(content)
        return tmp_path / "tool"

    return written


@pytest.fixture
def real(program: Program) -> Path:
    """The one that measures."""
    return program(tool.the_real_one())
