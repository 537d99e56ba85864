"""Quantized training in phases: ranges observed, then learned, then frozen; a kill changes nothing."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from sr2tflite.commands.fuse import fuse
from sr2tflite.commands.qat import qat
from sr2tflite.commands.recalibrate import recalibrate
from sr2tflite.commands.train import train
from sr2tflite.data.images import write_image
from sr2tflite.errors import RecipeError
from sr2tflite.graph import onnx
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.progress import Progress, silent
from sr2tflite.provenance import image_id, seen
from sr2tflite.quant.view import QuantizedView
from sr2tflite.train.settings import QatTrainSettings, TrainSettings

PHASES = {
    "steps": 10,
    "batch": 2,
    "patch": 8,
    "held_out": 1,
    "validate_every": 2,
    "learning_rate": 1e-3,
    "observe_until": 0.6,
    "observe_rate": 0.2,
    "ranges_until": 0.8,
    "ptq": {"method": "minmax", "equalize": False, "rounding": "nearest", "bias_correction": False},
    "losses": ["l1", {"name": "residual", "weight": 0.1}, {"name": "feature", "layers": [1], "weight": 0.1}],
}


class KilledError(Exception): ...


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        coarse = np.random.default_rng(number).integers(0, 256, (12, 15, 3), np.uint8)
        write_image(tmp_path / "photos" / f"{number}.png", coarse.repeat(4, 0).repeat(4, 1))
    return tmp_path / "photos"


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    student = STUDENTS["plain"](channels=8, depth=2)
    path = tmp_path / "plain.safetensors"
    checkpoint.store(path, "plain", student, student.build().state_dict(), {})
    fuse(str(path), tmp_path / "deploy.onnx")
    return tmp_path / "deploy.onnx"


def _killed_at(last: int) -> Progress:
    def progress(what: str, done: int, *_rest: object) -> None:
        if what == "training" and done >= last:
            raise KilledError

    return progress


@pytest.mark.parametrize("last", [2, 6, 8])
def test_a_training_killed_in_any_phase_ends_in_the_same_file(
    deploy: Path, photos: Path, tmp_path: Path, last: int
) -> None:
    settings = QatTrainSettings.model_validate(PHASES)
    qat(deploy, [photos], tmp_path / "whole.onnx", settings)
    with pytest.raises(KilledError):
        qat(deploy, [photos], tmp_path / "part.onnx", settings, progress=_killed_at(last))
    qat(deploy, [photos], tmp_path / "part.onnx", settings, progress=silent)
    assert (tmp_path / "part.onnx").read_bytes() == (tmp_path / "whole.onnx").read_bytes()


def test_ranges_are_observed_then_learned_then_frozen(
    deploy: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges: list[torch.Tensor] = []

    def forward(view: QuantizedView, pixels: torch.Tensor) -> torch.Tensor:
        if view.training:
            ranges.append(view.relative_range.detach().clone())
        return original(view, pixels)

    original = QuantizedView.forward
    monkeypatch.setattr(QuantizedView, "forward", forward)

    def ranges_with(**changed: object) -> list[torch.Tensor]:
        ranges.clear()
        out = tmp_path / f"{len(list(tmp_path.iterdir()))}.onnx"
        qat(deploy, [photos], out, QatTrainSettings.model_validate({**PHASES, **changed}))
        return list(ranges)

    fast, slow = ranges_with(range_rate=50.0), ranges_with(range_rate=0.0)
    changes = [[not torch.equal(a, b) for a, b in itertools.pairwise(one)] for one in (slow, fast)]
    assert changes[0] == [True] * 5 + [False] * 4, "by observers alone, before each of the first six steps"
    assert changes[1] == [True] * 5 + [False, True, True, False], "by gradients, in the two steps after"
    # to observers the learning rate of ranges is nothing
    assert [torch.equal(a, b) for a, b in zip(fast, slow, strict=True)] == [True] * 7 + [False] * 3


def test_features_need_the_float_graph_of_a_quantized_training(photos: Path, tmp_path: Path, deploy: Path) -> None:
    settings = {"steps": 2, "batch": 2, "patch": 8, "held_out": 1}
    with pytest.raises(RecipeError, match="feature compares with the float graph"):
        train("plain", [photos], tmp_path / "x.safetensors", TrainSettings(**settings, losses=("l1", "feature")))
    layers = {"name": "feature", "layers": [9]}
    with pytest.raises(RecipeError, match="convolution 9 is compared, and there are"):
        qat(deploy, [photos], tmp_path / "x.onnx", QatTrainSettings(**settings, losses=(layers,)))


def test_images_that_statistics_come_from_are_known_to_the_deploy_graph(tmp_path: Path) -> None:
    large = tmp_path / "large"
    coarse = np.random.default_rng(9).integers(0, 256, (18, 18, 3), np.uint8)
    write_image(large / "0.png", coarse.repeat(9, 0).repeat(9, 1))
    recalibrate("aio_mai", [large], tmp_path / "fresh.safetensors", 1)
    fuse(str(tmp_path / "fresh.safetensors"), tmp_path / "fresh.onnx")
    trained_on = seen(checkpoint.load_named("aio_mai").metadata)
    known = seen(onnx.read((tmp_path / "fresh.onnx").read_bytes(), "fresh.onnx").metadata)
    assert known == trained_on | {image_id((large / "0.png").read_bytes())}
