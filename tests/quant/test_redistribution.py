"""The redistribution quantizer's gradient, and codes that are found bit by bit."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sr2tflite.quant.binarization import BinarizedWeights
from sr2tflite.quant.functions import Rounding, conv
from sr2tflite.quant.redistribution import (
    REDISTRIBUTED,
    RedistributedWeights,
    redistributed,
    redistribution_slope,
)
from sr2tflite.quant.specs import AddSpec, ConvGeometry, ConvSpec, OutputGrid
from sr2tflite.quant.told import Tapped
from sr2tflite.quant.weights import LearnedClip, WeightCodes, WeightQuantizer

LIMITS = {8: 127, 4: 7, 3: 3, 2: 1}
LARGEST = {8: 127, 4: 7, 3: 4, 2: 2}
WEIGHT = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(0)) * 0.1
LARGEST_OF_CHANNELS = WEIGHT.abs().amax((1, 2, 3))


def test_the_slope_is_least_at_whole_steps_and_greatest_half_way() -> None:
    half = math.tanh(0.5)
    least, greatest = (1 - half**2) / (2 * half), 1 / (2 * half)
    assert (round(least, 3), round(greatest, 3)) == (0.851, 1.082)
    whole = torch.arange(-9, 10).double()
    torch.testing.assert_close(redistribution_slope(whole), torch.full_like(whole, least))
    torch.testing.assert_close(redistribution_slope(whole + 0.5), torch.full_like(whole, greatest))
    found = redistribution_slope(torch.empty(100_000, dtype=torch.float64).uniform_(-300, 300))
    assert least <= float(found.min()) < 0.852
    assert 1.081 < float(found.max()) <= greatest


def test_the_surrogate_keeps_whole_and_half_steps_and_never_jumps() -> None:
    halves = torch.arange(-20, 21).double() / 2
    torch.testing.assert_close(redistributed(halves), halves)
    torch.testing.assert_close(redistributed(halves - 1e-9), halves, atol=1e-8, rtol=0)
    assert float((redistributed(torch.linspace(-5, 5, 9999)) - torch.linspace(-5, 5, 9999)).abs().max()) < 0.02


def test_the_slope_is_the_surrogates_derivative() -> None:
    v = torch.rand(64, dtype=torch.float64) * 0.98 + 0.01 + torch.randint(-20, 20, (64,))
    v.requires_grad_()
    assert torch.autograd.gradcheck(redistributed, v)
    (gradient,) = torch.autograd.grad(redistributed(v).sum(), v)
    torch.testing.assert_close(gradient, redistribution_slope(v.detach()))


GRIDS = {
    "affine": OutputGrid(0.75, -28.0, 227.0, rectified=False),
    "relu": OutputGrid(0.75, 0.0, 255.0, rectified=True),
    "relu of four bits": OutputGrid(0.75, 0.0, 15.0, rectified=True, steps=15),
}


def rounded(t: Tensor, bounds: Tensor, grid: OutputGrid) -> Tensor:
    """``s·φ(t/s)`` by autograd alone, with s of learned ends; zero's code stays where it is."""
    low, high = bounds
    step = (high - low) / grid.steps
    ratio = t / step
    codes = redistributed(ratio)
    codes = codes + (ratio.round() - codes).detach()
    floor = torch.zeros_like(low) if grid.rectified else low
    inside = (ratio > grid.low) & (ratio < grid.high)
    return torch.where(inside, codes * step, torch.where(ratio >= grid.high, high, floor))


@pytest.mark.parametrize("kind", [Rounding, Tapped])
@pytest.mark.parametrize("name", GRIDS)
def test_a_convolution_passes_its_gradients_by_the_slope(name: str, kind: Callable[..., Rounding]) -> None:
    grid, s_x = GRIDS[name], 0.5
    x = torch.randint(-60, 200, (2, 5, 9, 7)).float().requires_grad_()
    weight_codes, bias_codes = torch.randint(-40, 41, (6, 5, 3, 3)).float(), torch.randint(-3000, 3000, (6,)).float()
    scale = torch.rand(6) * 0.003 + 0.002
    geometry = ConvGeometry((1, 1), (1, 1), (1, 1), 1)
    spec = ConvSpec(weight_codes, bias_codes, scale, s_x * scale / grid.scale, s_x, grid, geometry, wide=False)
    weight = (weight_codes * scale.reshape(-1, 1, 1, 1)).requires_grad_()
    bias = (bias_codes * scale * s_x).requires_grad_()
    ends = torch.tensor([grid.low * 0.75, grid.high * 0.75], dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(2, 6, 9, 7, dtype=torch.float64)
    codes = kind(redistribution_slope).conv(x, weight, bias, ends, spec)
    got = torch.autograd.grad(codes, (x, weight, bias, ends), upstream.float())
    real, weight, bias = ((tensor.detach().double()).requires_grad_() for tensor in (x * s_x, weight, bias))
    output = rounded(F.conv2d(real, weight, bias, padding=1), ends, grid)
    want = torch.autograd.grad(output, (real, weight, bias, ends), upstream)
    if grid.rectified:
        want[3][0] = 0  # a range that starts at zero stays there
    for mine, other in zip(got, want, strict=True):
        # sums of 126 products and of all pixels in float32
        torch.testing.assert_close(mine.double(), other, rtol=1e-4, atol=2e-4 * float(other.abs().max()))
    assert torch.equal(codes, conv(x, weight.float(), bias.float(), ends, spec))


def test_an_addition_passes_its_gradients_by_the_slope() -> None:
    grid = GRIDS["affine"]
    multipliers = [round(scale / grid.scale * 2**18) for scale in (0.5, 0.25)]
    spec = AddSpec(*multipliers, 18, 0.5, 0.25, grid)
    a, b = (torch.randint(-128, 128, (2, 3, 8, 8)).float().requires_grad_() for _ in "ab")
    ends = torch.tensor([grid.low * 0.75, grid.high * 0.75], dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    got = torch.autograd.grad(REDISTRIBUTED.add(a, b, ends, spec), (a, b, ends), upstream.float())
    real = [(tensor.detach() * scale).double().requires_grad_() for tensor, scale in ((a, 0.5), (b, 0.25))]
    total = real[0] + real[1]
    # half way between two codes ADD rounds up, torch to even: move what lies there
    want = torch.autograd.grad(rounded(total + 1e-9, ends, grid), (*real, ends), upstream)
    for mine, other in zip(got, want, strict=True):
        torch.testing.assert_close(mine.double(), other, rtol=1e-4, atol=2e-4 * float(other.abs().max()))


def used(quantizer: LearnedClip, weight: Tensor) -> WeightCodes:
    scale = (quantizer.magnitude(weight, per_channel=True) / quantizer.limit).reshape(-1, 1, 1, 1)
    codes = quantizer.codes(weight.double() / scale.double()).float()
    return WeightCodes(codes, scale, torch.zeros(len(weight), 1, 1, 1, dtype=torch.bool))


@pytest.mark.parametrize("kind", [RedistributedWeights, BinarizedWeights])
@pytest.mark.parametrize("bits", LIMITS)
def test_what_takes_the_gradient_has_the_value_of_the_codes(bits: int, kind: type[LearnedClip]) -> None:
    quantizer = kind(LIMITS[bits], LARGEST_OF_CHANNELS)
    with torch.no_grad():
        quantizer.relative.mul_(0.6)
    codes = used(quantizer, WEIGHT)
    assert float(codes.codes.max()) == (LARGEST[bits] if kind is BinarizedWeights else LIMITS[bits])
    assert float(codes.codes.min()) == -LIMITS[bits]
    torch.testing.assert_close(quantizer.passed(WEIGHT, codes), codes.codes * codes.scale)


@pytest.mark.parametrize("kind", [RedistributedWeights, BinarizedWeights])
def test_where_all_weights_saturate_the_clip_takes_the_whole_gradient(kind: type[LearnedClip]) -> None:
    weight = (WEIGHT.sign() * 3).double()
    quantizer = kind(7, LARGEST_OF_CHANNELS).double()
    codes = used(quantizer, weight)
    quantizer.passed(weight, codes).sum().backward()  # type: ignore[no-untyped-call]
    assert quantizer.relative.grad is not None
    # every weight is ±c
    torch.testing.assert_close(quantizer.relative.grad, quantizer.start * weight.sign().sum((1, 2, 3)))


def test_a_learned_clip_starts_where_it_is_told_and_takes_no_zero() -> None:
    weight = WEIGHT.clone()
    weight[2] = 0
    largest = weight.abs().amax((1, 2, 3))
    largest[2] = weight.abs().max()
    assert torch.equal(LearnedClip(7, WeightQuantizer(7).magnitude(weight, per_channel=True)).start, largest)
    assert float(LearnedClip(7, torch.zeros(1)).start) == 1


def test_a_learned_clip_moves_with_weights_that_are_enlarged() -> None:
    quantizer = LearnedClip(7, torch.tensor([1.0, 3.0]))
    quantizer.enlarge(torch.tensor([2.0, 0.5]))
    assert quantizer.clip(WEIGHT, per_channel=True).tolist() == [2.0, 1.5]


@given(st.sampled_from(list(LIMITS)), st.floats(-200, 200))
def test_bits_found_one_by_one_are_at_first_rounding_half_up(bits: int, ratio: float) -> None:
    quantizer = BinarizedWeights(LIMITS[bits], LARGEST_OF_CHANNELS)
    for value in (ratio, round(ratio), round(ratio) + 0.5):
        (found,) = quantizer.codes(torch.tensor([value], dtype=torch.float64)).tolist()
        assert found == min(max(math.floor(value + 0.5), -LIMITS[bits]), LARGEST[bits])


@pytest.mark.parametrize("bits", LIMITS)
def test_at_first_the_gradient_of_bits_is_near_one_inside_and_none_outside(bits: int) -> None:
    quantizer = BinarizedWeights(LIMITS[bits], LARGEST_OF_CHANNELS)
    inside = torch.linspace(-LIMITS[bits], LARGEST[bits], 4001, dtype=torch.float64)[1:-1].requires_grad_()
    (gradient,) = torch.autograd.grad(quantizer.binarized(inside).sum(), inside)
    # 1 − Π(1 − p_i), each p_i within 0.45…1.082: two bits leave most
    assert 0.94 < float(gradient.min()) <= float(gradient.max()) < 1.05
    outside = torch.tensor([-LIMITS[bits] - 0.1, LARGEST[bits] + 0.1], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(quantizer.binarized(outside).sum(), outside)
    assert gradient.tolist() == [0, 0]


def test_learned_thresholds_move_where_codes_change_and_codes_stay_codes() -> None:
    quantizer = BinarizedWeights(7, LARGEST_OF_CHANNELS)
    ratio = torch.linspace(-8, 9, 3401, dtype=torch.float64)
    before = quantizer.codes(ratio.clone())
    with torch.no_grad():
        quantizer.threshold[0] = 0.5  # of v = 2·ratio: a quarter of a step
    moved = quantizer.codes(ratio.clone())
    changes = [float(ratio[index + 1]) for index in (before.diff() != 0).nonzero().flatten()]
    later = [float(ratio[index + 1]) for index in (moved.diff() != 0).nonzero().flatten()]
    # bit 0 decides between 2k and 2k + 1 alone: every other threshold
    shifts = [round(new - old, 6) for old, new in zip(changes, later, strict=True)]
    assert sorted(set(shifts)) == [0.0, 0.25]
    with torch.no_grad():
        quantizer.gain.uniform_(0.7, 1.3)
        quantizer.threshold.uniform_(-1, 1)
    codes = quantizer.codes(ratio.clone())
    assert torch.equal(codes, codes.round())
    assert -7 <= float(codes.min()) <= float(codes.max()) <= 7


def test_thresholds_learn() -> None:
    """Weights that should be coded one higher lower every bit's threshold."""
    quantizer = BinarizedWeights(7, LARGEST_OF_CHANNELS)
    quantizer.passed(WEIGHT, used(quantizer, WEIGHT)).sum().neg().backward()  # type: ignore[no-untyped-call]
    assert quantizer.threshold.grad is not None
    assert quantizer.gain.grad is not None
    assert float(quantizer.threshold.grad[0]) > 0
    assert float(quantizer.gain.grad.abs().sum()) > 0


def test_signs_cover_every_code_once() -> None:
    sums = sorted((sum(signs[i] * 2**i for i in range(4)) + 1) // 2 for signs in itertools.product((-1, 1), repeat=4))
    assert sums == list(range(-7, 9))
