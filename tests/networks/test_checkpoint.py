import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from sr2tflite.errors import InputError, RecipeError
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS

SMALL: dict[str, Any] = {"name": "abpn", "channels": 4, "depth": 1}


def _stored(path: Path) -> torch.nn.Module:
    name, student = STUDENTS.parse(SMALL)
    module = student.build()
    checkpoint.store(path, name, student, module.state_dict(), {"trained_on": "abc"})
    return module


def test_a_checkpoint_carries_its_architecture(tmp_path: Path) -> None:
    module = _stored(tmp_path / "a.safetensors")
    loaded = checkpoint.load(tmp_path / "a.safetensors")
    assert (loaded.name, loaded.metadata) == ("abpn", {"trained_on": "abc"})
    for key, value in module.state_dict().items():
        assert torch.equal(loaded.module.state_dict()[key], value)
    assert not loaded.module.training


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    module = _stored(tmp_path / "a.safetensors")
    loaded = checkpoint.load(tmp_path / "a.safetensors")
    again = checkpoint.dump(loaded.name, loaded.student, module.state_dict(), loaded.metadata)
    assert again == (tmp_path / "a.safetensors").read_bytes()


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    _stored(tmp_path / "a.safetensors")
    data = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "b.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="is not a safetensors file"):
        checkpoint.load(tmp_path / "b.safetensors")


def test_a_pickle_that_could_run_code_is_refused_with_the_safe_way(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return print, ("boo",)

    torch.save({"weights": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="could run any code") as caught:
        checkpoint.load(tmp_path / "evil.pth")
    assert "state_dict" in (caught.value.hint or "")


@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps([1, 2], protocol=2)])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(InputError):
        checkpoint.load(tmp_path / "bad.pt", SMALL)


def test_a_bare_state_dict_with_our_keys_needs_no_name(tmp_path: Path) -> None:
    module = _stored(tmp_path / "a.safetensors")
    torch.save({"params": {f"module.{key}": value for key, value in module.state_dict().items()}}, tmp_path / "a.pth")
    loaded = checkpoint.load(tmp_path / "a.pth")
    assert (loaded.name, loaded.student) == STUDENTS.parse(SMALL)
    assert loaded.remarks == ()
    assert checkpoint.load(tmp_path / "a.pth", "abpn").student == loaded.student


def test_who_names_another_student_than_the_file_does_is_told(tmp_path: Path) -> None:
    _stored(tmp_path / "a.safetensors")
    assert checkpoint.load(tmp_path / "a.safetensors", SMALL).name == "abpn"
    with pytest.raises(InputError, match="holds the student abpn; expected plain"):
        checkpoint.load(tmp_path / "a.safetensors", "plain")
    with pytest.raises(InputError, match=r"channels=4 .*expected {'name': 'abpn', 'channels': 5}"):
        checkpoint.load(tmp_path / "a.safetensors", {"name": "abpn", "channels": 5})


def test_a_key_that_does_not_fit_is_named_with_the_nearest(tmp_path: Path) -> None:
    weights = dict(_stored(tmp_path / "a.safetensors").state_dict())
    weights["tails.weight"] = weights.pop("tail.weight")
    torch.save(weights, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"'tails\.weight' does not fit") as caught:
        checkpoint.load(tmp_path / "a.pth", SMALL)
    assert caught.value.hint == "did you mean 'tail.weight'?"


def test_a_wrong_shape_is_named(tmp_path: Path) -> None:
    _stored(tmp_path / "a.safetensors")
    torch.save(STUDENTS.parse({**SMALL, "channels": 5})[1].build().state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"has shape \[5, 3, 3, 3\]; expected \[4, 3, 3, 3\]"):
        checkpoint.load(tmp_path / "a.pth", SMALL)


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    weights = dict(_stored(tmp_path / "a.safetensors").state_dict())
    weights["tail.bias"] = weights["tail.bias"] * float("nan")
    torch.save(weights, tmp_path / "a.pth")
    with pytest.raises(InputError, match="not finite"):
        checkpoint.load(tmp_path / "a.pth", SMALL)


def test_an_unknown_student_comes_with_the_nearest_name() -> None:
    with pytest.raises(RecipeError, match="unknown student 'abpm'") as caught:
        STUDENTS.parse("abpm")
    assert caught.value.hint == "did you mean 'abpn'?"


def test_every_mistake_in_the_settings_is_reported_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        STUDENTS.parse({"name": "abpn", "chanels": 3, "depth": "many"})
    assert "chanels: unknown key; did you mean 'channels'?" in caught.value.message
    assert "depth: input should be a valid integer" in caught.value.message
