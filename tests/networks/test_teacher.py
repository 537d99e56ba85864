"""Teachers: published weights are recognized, and the network is the published one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sr2tflite.commands.eval import evaluate
from sr2tflite.data.bicubic import crop_to_multiple, downscale
from sr2tflite.data.images import list_images, read_image
from sr2tflite.errors import InputError, RecipeError
from sr2tflite.evaluate.metrics import psnr
from sr2tflite.evaluate.protocols import protocol_named
from sr2tflite.evaluate.runners import to_pixels
from sr2tflite.networks.checkpoint import read
from sr2tflite.networks.teacher import LoadedTeacher, load_teacher
from sr2tflite.networks.teachers import TEACHERS
from sr2tflite.networks.teachers._attention import relative_positions, shift_mask
from sr2tflite.networks.teachers._routing import Gumbel
from sr2tflite.networks.teachers._scan import selective_scan

SMALL = {"channels": 12, "depths": (2, 1), "heads": 2, "window": 4, "states": 3, "rank": 5, "tokens": 6, "hidden": 8}

LIGHT = "models/mambairv2_lightSR_x3.pth"


def _sequential(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """The recurrence as it is written down, in float64."""
    u, delta, a, b, c, d = (x.double() for x in (u, delta, a, b, c, d))
    state = torch.zeros(len(u), *a.shape, dtype=torch.float64)
    steps = []
    for t in range(u.shape[1]):
        fed = (delta[:, t] * u[:, t])[:, :, None] * b[:, t, None, :]
        state = torch.exp(delta[:, t, :, None] * a) * state + fed
        steps.append((state * c[:, t, None, :]).sum(-1) + d * u[:, t])
    return torch.stack(steps, 1)


@given(length=st.integers(1, 70), images=st.integers(1, 2), channels=st.integers(1, 9), states=st.integers(1, 4))
def test_the_two_level_scan_equals_the_recurrence(length: int, images: int, channels: int, states: int) -> None:
    draw = torch.Generator().manual_seed(length * 100 + channels)
    u, delta = (torch.randn(images, length, channels, generator=draw) for _ in range(2))
    b, c = (torch.randn(images, length, states, generator=draw) for _ in range(2))
    a, d = -torch.rand(channels, states, generator=draw) * 8, torch.randn(channels, generator=draw)
    arguments = (u, delta.exp(), a, b, c, d)
    wanted = _sequential(*arguments)
    # float32 against float64: sums of at most `length` products
    assert torch.allclose(selective_scan(*arguments).double(), wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))


def test_channels_worked_on_in_groups_give_the_same_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    u, delta = torch.randn(1, 50, 7), torch.rand(1, 50, 7)
    b, c = torch.randn(2, 1, 50, 3)
    arguments = (u, delta, -torch.rand(7, 3), b, c, torch.ones(7))
    whole = selective_scan(*arguments)
    monkeypatch.setattr("sr2tflite.networks.teachers._scan.LARGEST_STATE", 50 * 3 * 2)
    assert torch.allclose(selective_scan(*arguments), whole, rtol=1e-6, atol=1e-6)


def test_relative_positions_are_the_published_buffer(shared: Path) -> None:
    weights = read(shared / LIGHT)[0]
    assert torch.equal(relative_positions(16), weights["relative_position_index_SA"])


def test_only_pixels_that_were_neighbors_before_the_shift_see_each_other() -> None:
    mask = shift_mask(8, 12, 4, torch.device("cpu"))
    assert mask.shape == (6, 16, 16)
    assert not mask[0].any()
    rolled = torch.arange(8 * 12).view(8, 12).roll((-2, -2), (0, 1))
    corner = rolled[4:, 8:].reshape(-1)
    for first in range(16):
        for second in range(16):
            near = [abs(int(corner[first]) // 12 - int(corner[second]) // 12) < 4]
            near.append(abs(int(corner[first]) % 12 - int(corner[second]) % 12) < 4)
            assert (mask[5, first, second] == 0) == all(near)


@pytest.mark.parametrize("size", ["light", "full"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_architecture_is_read_off_the_weights(tmp_path: Path, size: str, scale: int) -> None:
    settings = TEACHERS["mambair_v2"].model_validate({**SMALL, "size": size, "scale": scale})
    torch.save({"params_ema": settings.build().state_dict()}, tmp_path / "teacher.pth")
    loaded = load_teacher(tmp_path / "teacher.pth")
    assert loaded.teacher == settings
    image = np.random.default_rng(0).integers(0, 256, (1, 5, 9, 3), np.uint8)
    assert loaded.enlarge(image).shape == (1, 5 * scale, 9 * scale, 3)


def _small(tmp_path: Path, **how: object) -> Path:
    torch.manual_seed(1)
    weights = TEACHERS["mambair_v2"].model_validate(SMALL).build().state_dict()
    noisy = {
        key: value + 0.3 * torch.randn(value.shape) if value.is_floating_point() else value
        for key, value in weights.items()
    }
    torch.save({**noisy, **how}, tmp_path / "small.pth")
    return tmp_path / "small.pth"


def test_chance_follows_from_seed_and_image_whatever_the_batch(tmp_path: Path) -> None:
    teacher = load_teacher(_small(tmp_path))
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    together = teacher.enlarge(images)
    alone = teacher.enlarge(images[1:2])
    # a batch of another size may be summed in another order
    tolerance = 1e-4 * float(together.std())
    assert np.allclose(together[1:2], alone, atol=tolerance)
    assert np.array_equal(teacher.enlarge(images), together)
    assert not np.allclose(teacher.enlarge(images, seed=1), together, atol=tolerance)


def test_argmax_leaves_nothing_to_chance_and_draws_are_averaged(tmp_path: Path) -> None:
    path = _small(tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), np.uint8)
    certain = load_teacher(path, {"routing": "argmax"})
    assert np.array_equal(certain.enlarge(image), certain.enlarge(image, seed=5))
    spread = [np.std([load_teacher(path, {"draws": n}).enlarge(image, seed=s) for s in range(6)]) for n in (1, 8)]
    assert spread[1] < spread[0]


def test_gumbel_draws_follow_the_distribution() -> None:
    chances = torch.tensor([0.1, 0.2, 0.7])
    drawn = Gumbel([0])(chances.log().expand(1, 20_000, 3))
    found = torch.bincount(drawn.view(-1), minlength=3) / 20_000
    assert torch.allclose(found, chances, atol=4 * (0.25 / 20_000) ** 0.5)  # four standard deviations


def test_weights_of_no_teacher_and_unexpected_keys_are_named(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(3, 3, 3, 3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="no known teacher"):
        load_teacher(tmp_path / "other.pth")
    with pytest.raises(InputError, match="'extra'"):
        load_teacher(_small(tmp_path, extra=torch.zeros(1)))
    with pytest.raises(RecipeError, match="unknown key"):
        load_teacher(_small(tmp_path), {"route": "argmax"})


def test_the_published_teacher_enlarges_as_published(shared: Path) -> None:
    teacher = load_teacher(shared / LIGHT, {"routing": "argmax"})
    assert sum(value.numel() for value in teacher.module.parameters()) == 780_587
    assert _luma_psnr(teacher, shared / "eval" / "Set5" / "butterfly.png") == pytest.approx(31.718, abs=0.005)


def _luma_psnr(teacher: LoadedTeacher, path: Path) -> float:
    hr, protocol = crop_to_multiple(read_image(path), 3), protocol_named("y-shave3")
    found = to_pixels(teacher.enlarge(downscale(hr, 3)[None])[0])
    return psnr(protocol.samples(found, 3), protocol.samples(hr, 3))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "by_chance", "most_likely"), [("Set5", 34.709, 34.687), ("Set14", 30.674, 30.657)])
def test_the_published_teacher_reaches_the_published_figures(
    shared: Path, name: str, by_chance: float, most_likely: float
) -> None:
    folder = shared / "eval" / name
    result = evaluate([shared / LIGHT], [folder], protocols=["y-shave3"])
    # seeds spread by 0.01
    assert result.row(Path(LIGHT).name, "y-shave3").mean.psnr == pytest.approx(by_chance, abs=0.015)
    teacher = load_teacher(shared / LIGHT, {"routing": "argmax"})
    mean = np.mean([_luma_psnr(teacher, path) for path in list_images(folder)])
    assert mean == pytest.approx(most_likely, abs=0.005)
