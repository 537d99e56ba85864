"""The hand-written gradients are those of a plain autograd chain with straight-through rounding, in real units."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sr2tflite.quant.functions import add, conv
from sr2tflite.quant.specs import AddSpec, ConvGeometry, ConvSpec, OutputGrid

S_X, S_Y, S_A, S_B = 0.5, 0.75, 0.5, 0.25
GRIDS = {
    "affine": (-100, OutputGrid(S_Y, -28.0, 227.0, rectified=False)),
    "relu": (-128, OutputGrid(S_Y, 0.0, 255.0, rectified=True)),
    "relu of a signed range": (-100, OutputGrid(S_Y, 0.0, 227.0, rectified=True)),
    "relu of six bits": (64, OutputGrid(S_Y, 0.0, 63.0, rectified=True, steps=63)),
}


def quantized(t: Tensor, bounds: Tensor, zero_point: int, grid: OutputGrid) -> Tensor:
    """A learned affine quantizer written with autograd alone; what is inside is decided before rounding."""
    low, high = bounds
    step = (high - low) / grid.steps
    fraction = (t - low) / step
    codes = (fraction.round() - fraction).detach() + fraction
    centered = (t / S_Y).detach()
    floor = torch.zeros_like(low) if grid.rectified else low
    inside = (centered > grid.low) & (centered < grid.high)
    edge = torch.where(centered >= grid.high, high, floor)
    assert 127 - grid.steps - zero_point == round(float((low / step).detach()))
    return torch.where(inside, codes * step + low, edge)


def ends(zero_point: int, grid: OutputGrid) -> Tensor:
    low, high = 127 - grid.steps - zero_point, 127 - zero_point
    return torch.tensor([S_Y * low, S_Y * high], dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", GRIDS)
def test_convolution_gradients_equal_the_chain(name: str) -> None:
    zero_point, grid = GRIDS[name]
    x = torch.randint(-60, 200, (2, 5, 9, 7)).float().requires_grad_()
    weight_codes = torch.randint(-127, 128, (6, 5, 3, 3)).float()
    bias_codes = torch.randint(-9000, 9000, (6,)).float()
    weight_scale = torch.rand(6) * 0.01 + 0.005
    geometry = ConvGeometry((1, 1), (1, 1), (1, 1), 1)
    multiplier = S_X * weight_scale / S_Y
    spec = ConvSpec(weight_codes, bias_codes, weight_scale, multiplier, S_X, grid, geometry, wide=False)
    weight, bias, bounds = (
        (weight_codes * weight_scale.reshape(-1, 1, 1, 1)).requires_grad_(),
        (bias_codes * weight_scale * S_X).requires_grad_(),
        ends(zero_point, grid),
    )
    upstream = torch.randn(2, 6, 9, 7, dtype=torch.float64)

    codes = conv(x, weight, bias, bounds, spec)
    got = torch.autograd.grad(codes, (x, weight, bias, bounds), upstream.float())
    real, weight, bias = ((tensor.detach().double()).requires_grad_() for tensor in (x * S_X, weight, bias))
    output = quantized(F.conv2d(real, weight, bias, padding=1), bounds, zero_point, grid)
    want = torch.autograd.grad(output, (real, weight, bias, bounds), upstream)

    assert (codes == grid.high).any()
    assert (codes == grid.low).any()
    torch.testing.assert_close(codes.double() * S_Y, output, rtol=0, atol=1e-4)
    compare(got, want, skip_low=grid.rectified and zero_point == 127 - grid.steps)


@pytest.mark.parametrize("name", GRIDS)
def test_add_gradients_equal_the_chain(name: str) -> None:
    zero_point, grid = GRIDS[name]
    a, b = (torch.randint(-200, 255, (2, 5, 9, 7)).float() for _ in range(2))
    on_the_end = S_A * a + S_B * b == S_Y * grid.high  # multipliers have 20 bits: either side is right
    b = torch.where(on_the_end, b + 1, b)
    a.requires_grad_(), b.requires_grad_()
    spec = AddSpec(round(S_A / S_Y * 2**20), round(S_B / S_Y * 2**20), 20, S_A, S_B, grid)
    bounds, upstream = ends(zero_point, grid), torch.randn(2, 5, 9, 7, dtype=torch.float64)

    codes = add(a, b, bounds, spec)
    got = torch.autograd.grad(codes, (a, b, bounds), upstream.float())
    real_a, real_b = (tensor.detach().double() * scale for tensor, scale in ((a, S_A), (b, S_B)))
    real_a.requires_grad_(), real_b.requires_grad_()
    output = quantized(real_a + real_b, bounds, zero_point, grid)
    want = torch.autograd.grad(output, (real_a, real_b, bounds), upstream)

    torch.testing.assert_close(codes.double() * S_Y, output, rtol=0, atol=1e-4)
    compare(got, want, skip_low=grid.rectified and zero_point == 127 - grid.steps)


def compare(got: tuple[Tensor, ...], want: tuple[Tensor, ...], *, skip_low: bool) -> None:
    """All but the range's gradient, then the range's; the lower end of a ReLU's range never learns."""
    for mine, reference in zip(got[:-1], want[:-1], strict=True):
        torch.testing.assert_close(mine.double(), reference, rtol=1e-5, atol=1e-4)
    mine, reference = got[-1].double(), want[-1].double()
    first = 1 if skip_low else 0
    torch.testing.assert_close(mine[first:], reference[first:], rtol=1e-4, atol=1e-3)
    if skip_low:
        assert mine[0] == 0
