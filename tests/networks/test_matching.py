"""Bare state dicts: which student they belong to, and how one is told."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sr2tflite.errors import InputError, RecipeError
from sr2tflite.networks import checkpoint
from sr2tflite.networks.probe import PLAUSIBLE_DB, enlargement_db
from sr2tflite.networks.students import STUDENTS

ABPN: dict[str, Any] = {"name": "abpn", "channels": 5, "depth": 2, "scale": 2}
PLAIN: dict[str, Any] = {"name": "plain", "channels": 5, "depth": 2, "scale": 2}


def _faint(spec: dict[str, Any]) -> torch.nn.Module:
    """A student whose anchor does most of the work: it enlarges, whatever white is."""
    module = STUDENTS.parse(spec)[1].build()
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(torch.randn_like(value) * 0.05 if value.ndim == 4 else torch.zeros_like(value))
    return module.eval()


def _foreign(module: torch.nn.Module, path: Path) -> Path:
    """Its state dict under somebody else's keys."""
    torch.save({f"net.{i}.w": value for i, value in enumerate(module.state_dict().values())}, path)
    return path


def test_foreign_keys_are_taken_in_order_and_the_mapping_is_told(tmp_path: Path) -> None:
    module = _faint(ABPN)
    loaded = checkpoint.load(_foreign(module, tmp_path / "a.pth"))
    assert (loaded.name, loaded.student) == STUDENTS.parse(ABPN)
    for key, value in module.state_dict().items():
        assert torch.equal(loaded.module.state_dict()[key], value)
    assert json.loads(loaded.metadata[checkpoint.WEIGHTS_FROM])["body.0.bias"] == "net.1.w"
    assert "foreign keys: weights taken in order as abpn (scale=2, channels=5, depth=2)" in loaded.remarks[0]


def test_shapes_that_several_students_have_are_never_decided_silently(tmp_path: Path) -> None:
    path = _foreign(_faint(PLAIN), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"2 students have these shapes: plain .*; srvgg") as caught:
        checkpoint.load(path)
    assert caught.value.hint == "--student NAME, which is plain or srvgg"
    loaded = checkpoint.load(path, "plain")
    assert loaded.student == STUDENTS.parse(PLAIN)[1]
    assert loaded.remarks[1] == "not told by shapes: anchor=True"


def test_a_setting_that_contradicts_the_shapes_is_named_with_the_first_difference(tmp_path: Path) -> None:
    path = _foreign(_faint(ABPN), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"'net\.0\.w' has shape \[5, 3, 3, 3\]; expected \[6, 3, 3, 3\]"):
        checkpoint.load(path, {"name": "abpn", "channels": 6})
    with pytest.raises(InputError, match=r"'net\.4\.w' has shape \[5, 5, 3, 3\]; expected \[12, 5, 3, 3\]"):
        checkpoint.load(path, {"name": "abpn", "depth": 1})
    with pytest.raises(RecipeError, match="unknown key; did you mean 'channels'"):
        checkpoint.load(path, {"name": "abpn", "chanels": 6})


def test_what_fits_nothing_comes_with_the_nearest_students(tmp_path: Path) -> None:
    weights = list(_faint(ABPN).state_dict().values())
    weights[4] = torch.randn(7, 5, 3, 3)
    torch.save({str(i): value for i, value in enumerate(weights)}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"fits no student; .*abpn .*'4' has shape \[7, 5, 3, 3\]; expected \[5, 5"):
        checkpoint.load(tmp_path / "a.pth")
    torch.save({"a": torch.randn(3), "b": torch.randn(2, 2)}, tmp_path / "b.pth")
    with pytest.raises(InputError, match="fits no student"):
        checkpoint.load(tmp_path / "b.pth")


@pytest.mark.parametrize("peak", [1, 255])
def test_what_white_is_shows_in_what_the_network_enlarges(peak: int, tmp_path: Path) -> None:
    module = checkpoint.load_named("abpn").module
    with torch.no_grad():
        for key, value in module.named_parameters():
            if key.endswith("bias"):
                value.mul_(peak)
    path = _foreign(module, tmp_path / "a.pth")
    assert checkpoint.load(path).student.peak == peak
    assert checkpoint.load(path, peak=1).student.peak == 1


def test_a_network_that_enlarges_nothing_has_to_be_told_what_white_is(tmp_path: Path) -> None:
    path = _foreign(STUDENTS.parse({**ABPN, "name": "abpn"})[1].build(), tmp_path / "a.pth")
    weights = {key: value * 4 for key, value in torch.load(path, weights_only=True).items()}
    torch.save(weights, path)
    with pytest.raises(InputError, match="does not enlarge a picture") as caught:
        checkpoint.load(path)
    assert "--peak 1 or --peak 255" in (caught.value.hint or "")
    assert checkpoint.load(path, peak=255).student.peak == 255


def test_values_that_are_not_finite_are_named_before_anything_else(tmp_path: Path) -> None:
    module = _faint(ABPN)
    with torch.no_grad():
        module.tail.bias[0] = float("nan")
    with pytest.raises(InputError, match=r"'net\.9\.w' holds values that are not finite"):
        checkpoint.load(_foreign(module, tmp_path / "a.pth"))


@pytest.mark.parametrize("name", ["abpn", "aio_mai", "anchor_rep"])
def test_shipped_students_enlarge_the_probe_s_picture(name: str) -> None:
    loaded = checkpoint.load_named(name)
    assert enlargement_db(loaded.module, loaded.student.scale, loaded.student.peak) > PLAUSIBLE_DB + 5
