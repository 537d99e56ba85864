"""Losses: every one of the kind keeps its laws, and each is its formula."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from sr2tflite.errors import RecipeError
from sr2tflite.train.losses import LOSSES, Sample, Total
from sr2tflite.train.losses.dct import dct_matrix

VARIANTS = [*LOSSES.names(), {"name": "dct", "orthonormal": True}, {"name": "dct", "block": 4}]


def _sample(dtype: torch.dtype = torch.float64) -> Sample:
    draw = torch.Generator().manual_seed(3)
    sr, hr, taught = (255 * torch.rand(2, 3, 8, 12, generator=draw, dtype=dtype) for _ in range(3))
    return _with(sr, Sample(sr, hr, taught))


def _with(sr: torch.Tensor, sample: Sample) -> Sample:
    """The sample of another output; features are what follows from it and from the teacher's output."""
    assert sample.taught is not None
    features = {layer: (sr * layer, sample.taught * layer) for layer in (2, 4, 6)}
    return Sample(sr, sample.hr, sample.taught, features=features)


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
def test_gradients_are_those_of_the_value(spec: str | dict[str, object]) -> None:
    sample, loss = _sample(), LOSSES.parse(spec)[1]

    def value(sr: torch.Tensor) -> torch.Tensor:
        return loss(_with(sr, sample))

    assert gradcheck(value, (sample.sr.clone().requires_grad_(),), eps=1e-4, atol=1e-9)


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
def test_a_loss_is_a_positive_scalar_and_least_at_its_target(spec: str | dict[str, object]) -> None:
    sample, loss = _sample(torch.float32), LOSSES.parse(spec)[1]
    target = sample.taught if loss.needs_teacher or loss.compared else sample.hr
    assert target is not None
    value, least = loss(sample), loss(_with(target, sample))
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert 0 <= least < value


@pytest.mark.parametrize("name", [name for name in LOSSES.names() if LOSSES[name].needs_teacher])
def test_a_loss_that_needs_a_teacher_says_so(name: str) -> None:
    sample = _sample()
    assert Total([name]).needs_teacher
    with pytest.raises(RecipeError, match="needs a teacher"):
        Total([name])(Sample(sample.sr, sample.hr))


def test_white_against_black_is_one_for_the_pixel_losses() -> None:
    white, black = torch.full((1, 3, 4, 4), 255.0), torch.zeros(1, 3, 4, 4)
    assert float(LOSSES["l1"]()(Sample(white, black))) == 1
    assert float(LOSSES["charbonnier"]()(Sample(white, black))) == pytest.approx(1.0, abs=1e-6)
    assert float(LOSSES["charbonnier"](epsilon=0.1)(Sample(black, black))) == pytest.approx(0.1)


def test_the_dct_is_the_sum_over_cosines() -> None:
    x = np.random.default_rng(0).random(5)
    wanted = [2 * sum(x[n] * np.cos(np.pi * (2 * n + 1) * k / 10) for n in range(5)) for k in range(5)]
    assert np.allclose(dct_matrix(5).numpy() @ x, wanted)
    unit = dct_matrix(7, orthonormal=True)
    assert torch.allclose(unit @ unit.T, torch.eye(7, dtype=torch.float64))


def test_blocks_of_the_dct_are_transformed_each_for_itself() -> None:
    sample = _sample()
    whole = LOSSES.parse({"name": "dct", "block": 4})[1](sample)
    parts = [
        LOSSES["dct"]()(Sample(sample.sr[..., y : y + 4, x : x + 4], sample.hr[..., y : y + 4, x : x + 4]))
        for y in (0, 4)
        for x in (0, 4, 8)
    ]
    assert float(whole) == pytest.approx(float(sum(parts) / 6))
    with pytest.raises(RecipeError, match="no whole number of 5×5"):
        LOSSES.parse({"name": "dct", "block": 5})[1](sample)


def test_a_teacher_that_errs_is_trusted_less() -> None:
    hr = torch.zeros(1, 3, 1, 3)
    taught = torch.tensor([0.0, 255 * 0.1, 255.0]).expand(1, 3, 1, 3)
    sr = taught + 25.5
    found = LOSSES["distillation"]()(Sample(sr, hr, taught))
    assert float(found) == pytest.approx(0.1 * (0.75 + np.exp(-1) + 0.10) / 3, rel=1e-5)


def test_the_feature_loss_compares_maps_of_length_one() -> None:
    draw = torch.Generator().manual_seed(0)
    ours, theirs = torch.randn(2, 4, 3, 5, generator=draw), torch.randn(2, 7, 3, 5, generator=draw)
    sample = _sample()
    image = Sample(sample.sr, sample.hr, features={0: (ours, theirs), 3: (theirs, theirs * 9)})
    distances = []
    for number in range(2):
        maps = [(features[number] ** 2).sum(0).numpy() for features in (ours, theirs)]
        distances.append(np.abs(maps[0] / np.linalg.norm(maps[0]) - maps[1] / np.linalg.norm(maps[1])).mean())
    assert float(LOSSES["feature"](layers=(0,))(image)) == pytest.approx(np.mean(distances), rel=1e-5)
    assert float(LOSSES["feature"](layers=(3,))(image)) == pytest.approx(0, abs=1e-7)
    assert float(LOSSES["feature"](layers=(0, 3))(image)) == pytest.approx(np.mean(distances) / 2, rel=1e-5)


def test_dark_features_have_a_gradient() -> None:
    features = torch.zeros(1, 4, 3, 3, requires_grad=True)
    sample = _sample()
    loss = LOSSES["feature"](layers=(0,))
    loss(Sample(sample.sr, sample.hr, features={0: (features, torch.ones(1, 4, 3, 3))})).backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_features_that_nobody_knows_are_refused() -> None:
    sample = _sample()
    total = Total([{"name": "feature", "layers": [5, 1]}, {"name": "feature", "layers": [1, 3]}, "l1"])
    assert total.compared == (1, 3, 5)
    assert not total.needs_teacher
    with pytest.raises(RecipeError, match="there are none"):
        total(Sample(sample.sr, sample.hr))
    with pytest.raises(RecipeError, match="layers"):
        LOSSES.parse({"name": "feature", "layers": []})


def test_the_total_is_the_weighted_sum() -> None:
    sample = _sample()
    l1, residual = (LOSSES[name]()(sample) for name in ("l1", "residual"))
    total = Total([{"name": "l1", "weight": 0.8}, {"name": "residual", "weight": 0.2}])
    assert float(total(sample)) == pytest.approx(float(0.8 * l1 + 0.2 * residual))
    with pytest.raises(RecipeError, match="no loss"):
        Total([])
    with pytest.raises(RecipeError, match="unknown loss"):
        Total(["l2"])


def test_a_weight_may_change_over_the_training() -> None:
    sample = _sample()
    loss = LOSSES.parse({"name": "distillation", "weight": [[0, 0.03], [0.25, 0.03], [0.7, 0.01]]})[1]
    found = [loss.weight_at(progress) for progress in (0, 0.25, 0.475, 0.7, 1)]
    assert found == pytest.approx([0.03, 0.03, 0.02, 0.01, 0.01])
    late = Sample(sample.sr, sample.hr, sample.taught, progress=1.0)
    fading = Total([{"name": "l1", "weight": [[0, 1], [1, 0]]}])
    assert float(fading(sample)) > 0
    assert float(fading(late)) == 0
    assert fading.terms(late).keys() == {"l1"}  # of nothing, no gradient could be taken
    for corners in ([], [[0.5, 1], [0.5, 2]], [[0, -1]], [[1.5, 1]]):
        with pytest.raises(RecipeError, match="weight"):
            LOSSES.parse({"name": "l1", "weight": corners})
