"""Training that goes on from a checkpoint's weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sr2tflite.commands.train import train
from sr2tflite.data.images import write_image
from sr2tflite.errors import InputError
from sr2tflite.networks import checkpoint
from sr2tflite.provenance import TRAINED_ON
from sr2tflite.run.recipe import load as read_recipe
from sr2tflite.train.settings import TrainSettings

QUICK = {"steps": 2, "batch": 2, "patch": 8, "held_out": 1}


def images(folder: Path, seed: int) -> Path:
    for number in range(3):
        coarse = np.random.default_rng([seed, number]).integers(0, 256, (12, 15, 3), np.uint8)
        write_image(folder / f"{number}.png", coarse.repeat(4, 0).repeat(4, 1))
    return folder


@pytest.fixture
def first(tmp_path: Path) -> Path:
    out = tmp_path / "first.safetensors"
    train("plain", [images(tmp_path / "first", 0)], out, TrainSettings(**QUICK))
    return out


def test_the_weights_before_the_first_step_are_the_checkpoints(first: Path, tmp_path: Path) -> None:
    out = tmp_path / "second.safetensors"
    still = TrainSettings(**QUICK, start=first, learning_rate=1e-30, seed=5)
    train("plain", [images(tmp_path / "second", 1)], out, still)
    old, new = checkpoint.load(first), checkpoint.load(out)
    for key, value in old.module.state_dict().items():
        torch.testing.assert_close(new.module.state_dict()[key], value, rtol=0, atol=1e-12)
    # who was judged on images of the first training would be judged on what the second knows
    assert set(old.metadata[TRAINED_ON].split()) < set(new.metadata[TRAINED_ON].split())


def test_a_start_that_is_another_student_is_refused(first: Path, tmp_path: Path) -> None:
    for student in ({"name": "plain", "channels": 8}, "abpn"):
        with pytest.raises(InputError, match=r"holds .*; expected") as caught:
            train(student, [tmp_path / "first"], tmp_path / "other.safetensors", TrainSettings(**QUICK, start=first))
        assert caught.value.where == str(first)


def test_unfinished_training_is_not_gone_on_with_from_another_start(first: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "second.safetensors", TrainSettings(**QUICK, start=first)
    train("plain", [tmp_path / "first"], out, settings)
    first.with_suffix(".train").rename(tmp_path / "kept")
    train("plain", [tmp_path / "first"], first, TrainSettings(**{**QUICK, "steps": 3}))
    with pytest.raises(InputError, match="other weights or images"):
        train("plain", [tmp_path / "first"], out, settings)


def test_a_recipe_names_its_start_relative_to_itself(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: two\nstudent: plain\ndata: {train: [images], evaluate: [other]}\ntrain: {start: first.safetensors}\n"
    )
    read = read_recipe(recipe)
    assert read.train is not None
    assert read.train.start == tmp_path / "first.safetensors"
