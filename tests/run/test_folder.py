from pathlib import Path
from typing import Any

import pytest

from sr2tflite.errors import InputError
from sr2tflite.run.folder import RunFolder, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "in").write_text("input")
    return Stage("copy", {"a": 1}, (tmp_path / "in",), (tmp_path / "run" / "out",), tmp_path / "run" / "work")


def _copy(stage: Stage, calls: list[str]) -> Any:
    def action() -> dict[str, Any]:
        calls.append(stage.name)
        stage.outputs[0].write_bytes(stage.inputs[0].read_bytes())
        return {"calls": len(calls)}

    return action


def test_a_stage_is_skipped_while_its_inputs_stand(tmp_path: Path, stage: Stage) -> None:
    calls: list[str] = []
    assert RunFolder(tmp_path / "run").run(stage, _copy(stage, calls)) == ({"calls": 1}, False)
    assert RunFolder(tmp_path / "run").run(stage, _copy(stage, calls)) == ({"calls": 1}, True)
    assert calls == ["copy"]


CHANGES = {
    "an input": lambda stage: stage.inputs[0].write_text("other"),
    "an output": lambda stage: stage.outputs[0].write_text("tampered"),
    "a missing output": lambda stage: stage.outputs[0].unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_stage_is_done_again_when_something_changed(change: str, tmp_path: Path, stage: Stage) -> None:
    calls: list[str] = []
    folder = RunFolder(tmp_path / "run")
    folder.run(stage, _copy(stage, calls))
    CHANGES[change](stage)
    folder.run(stage, _copy(stage, calls))
    assert len(calls) == 2


def test_other_settings_do_a_stage_again_and_clear_its_unfinished_work(tmp_path: Path, stage: Stage) -> None:
    folder = RunFolder(tmp_path / "run")
    assert stage.work is not None

    def dies() -> dict[str, Any]:
        assert stage.work is not None
        stage.work.mkdir()
        (stage.work / "state").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.run(stage, dies)
    with pytest.raises(KeyboardInterrupt):
        RunFolder(tmp_path / "run").run(stage, _raise_if_gone(stage))
    other = Stage(stage.name, {"a": 2}, stage.inputs, stage.outputs, stage.work)
    RunFolder(tmp_path / "run").run(other, _copy(other, []))
    assert not stage.work.exists()


def _raise_if_gone(stage: Stage) -> Any:
    def action() -> dict[str, Any]:
        assert stage.work is not None
        assert (stage.work / "state").exists(), "unfinished work of the same stage must be kept"
        raise KeyboardInterrupt

    return action


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        RunFolder(tmp_path)
