"""States on disk: whole, damaged, and the one before."""

import random
from pathlib import Path

import pytest
import torch

from sr2tflite.errors import InputError
from sr2tflite.train.state import before, latest_state, load_state, replace_state, save_state

STATE = {"weight": torch.arange(6.0), "step": 7, "best": [1.5, 3]}


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert load_state(tmp_path / "last.pt") is None
    assert latest_state(tmp_path / "last.pt") is None


def test_a_state_comes_back(tmp_path: Path) -> None:
    save_state(tmp_path / "last.pt", STATE)
    state = load_state(tmp_path / "last.pt")
    assert state is not None
    assert torch.equal(state.pop("weight"), STATE["weight"])
    assert state == {"step": 7, "best": [1.5, 3]}


def test_any_wrong_bit_and_any_missing_end_is_named(tmp_path: Path) -> None:
    path, draw = tmp_path / "last.pt", random.Random(0)
    save_state(path, STATE)
    whole = path.read_bytes()
    for _ in range(100):
        data = bytearray(whole)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        for damaged in (bytes(data), whole[: draw.randrange(len(whole))]):
            path.write_bytes(damaged)
            with pytest.raises(InputError, match="is not the state of a training, or is damaged") as caught:
                load_state(path)
            assert caught.value.hint == f"remove {tmp_path} to start anew"


def test_the_hint_at_a_damaged_state_brings_back_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    for step in (1, 2):
        replace_state(path, {"step": step})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError) as caught:
        latest_state(path)
    assert caught.value.hint == f"go on from the state before it: mv {before(path)} {path}"
    before(path).rename(path)
    assert latest_state(path) == {"step": 1}


def test_a_kill_between_the_renames_leaves_the_state_before(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    for step in (1, 2):
        replace_state(path, {"step": step})
    path.unlink()
    assert latest_state(path) == {"step": 1}
    replace_state(path, {"step": 3})
    assert latest_state(path) == {"step": 3}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last.pt", "previous.pt"]
