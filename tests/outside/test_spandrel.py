"""Teachers of other architectures, by the real spandrel where it is installed: pip install 'sr2tflite[spandrel]'."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sr2tflite.errors import InputError, MissingError, RecipeError
from sr2tflite.evaluate.runners.checkpoint import open_network
from sr2tflite.networks.spandrel import INSTALL
from sr2tflite.networks.students import STUDENTS
from sr2tflite.networks.teacher import load_teacher, teacher_in


@pytest.fixture(scope="module")
def spandrel() -> Any:
    if find_spec("spandrel") is None:
        pytest.skip(f"spandrel is not installed: {INSTALL}")
    try:
        import spandrel
    except RuntimeError as error:
        pytest.skip(f"spandrel cannot be imported: {error}")
    return spandrel


def _rrdb(outputs: int = 3, grown: int = 32) -> dict[str, Tensor]:
    """Weights of a small ×4 ESRGAN: one block, eight channels, 32 grown."""
    draw = torch.Generator().manual_seed(0)
    shapes = {"conv_first": (8, 3), "conv_body": (8, 8), "conv_up1": (8, 8), "conv_up2": (8, 8), "conv_hr": (8, 8)}
    shapes["conv_last"] = (outputs, 8)
    for dense in ("rdb1", "rdb2", "rdb3"):
        for number in range(1, 6):
            shapes[f"body.0.{dense}.conv{number}"] = (8 if number == 5 else grown, 8 + grown * (number - 1))
    weights = {f"{name}.weight": torch.randn(*shape, 3, 3, generator=draw) * 0.1 for name, shape in shapes.items()}
    return weights | {f"{name}.bias": torch.zeros(shape[0]) for name, shape in shapes.items()}


def _saved(path: Path, weights: dict[str, Tensor]) -> Path:
    torch.save(weights, path)
    return path


def test_a_network_that_spandrel_knows_is_a_teacher_and_is_judged(spandrel: Any, tmp_path: Path) -> None:
    weights = _rrdb()
    path = _saved(tmp_path / "rrdb.pth", weights)
    teacher = teacher_in(path)
    assert teacher is not None
    assert (teacher.scale, teacher.name) == (4, "ESRGAN")
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    enlarged = teacher.enlarge(image[None])[0]
    own = spandrel.ModelLoader().load_from_state_dict(dict(weights))
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        wanted = own(x)[0].permute(1, 2, 0).numpy() * 255
    # the same network twice, in the same order of operations
    assert np.abs(enlarged - wanted).max() <= 1e-3
    network = open_network(path, path.read_bytes(), threads=1)
    assert network.upscale(image).shape == (36, 28, 3)


@pytest.mark.usefixtures("spandrel")
def test_what_spandrel_does_not_know_and_what_enlarges_no_rgb_is_named(tmp_path: Path) -> None:
    unknown = _saved(tmp_path / "unknown.pth", {"a.weight": torch.ones(3, 3)})
    assert teacher_in(unknown) is None
    with pytest.raises(InputError, match="of no known teacher") as refused:
        load_teacher(unknown)
    assert INSTALL not in (refused.value.hint or "")
    grey = _saved(tmp_path / "grey.pth", _rrdb(outputs=1))
    with pytest.raises(InputError, match="3 to 1 channels; expected super-resolution of RGB"):
        teacher_in(grey)
    with pytest.raises(InputError, match="spandrel cannot load it"):
        teacher_in(_saved(tmp_path / "other.pth", _rrdb(grown=4)))
    with pytest.raises(RecipeError, match="expected no settings"):
        load_teacher(_saved(tmp_path / "rrdb.pth", _rrdb()), {"routing": "argmax"})


def test_a_student_stays_a_student_whatever_is_installed(tmp_path: Path) -> None:
    for name in ("abpn", "srvgg"):
        student = STUDENTS.parse(name)[1]
        assert teacher_in(_saved(tmp_path / f"{name}.pth", student.build().state_dict())) is None


def test_a_spandrel_that_cannot_be_imported_is_told_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "spandrel", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "spandrel"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    path = _saved(tmp_path / "rrdb.pth", _rrdb())
    with pytest.raises(MissingError, match=r"cannot be imported: operator torchvision::nms does not exist"):
        teacher_in(path)


@pytest.mark.skipif(find_spec("spandrel") is not None, reason="spandrel is installed")
def test_without_spandrel_the_command_that_brings_it_is_named(tmp_path: Path) -> None:
    path = _saved(tmp_path / "rrdb.pth", _rrdb())
    assert teacher_in(path) is None
    with pytest.raises(InputError) as refused:
        load_teacher(path)
    assert INSTALL in (refused.value.hint or "")
