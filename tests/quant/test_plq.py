"""The piecewise quantizer is the sum of a dense and an outlier quantizer, exactly, and its points are the paper's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sr2tflite.quant.plq import Regions, dense, outlier, piecewise, regions_of

ENDS = st.floats(min_value=0.0, max_value=500.0, width=32)
WIDTHS = (3, 4, 8)


def _regions(low: float, high: float, edge: float) -> Regions:
    return Regions(*(torch.tensor(value, dtype=torch.float64) for value in (low, high, edge)))


def _points(regions: Regions, bits: int) -> torch.Tensor:
    """All values the paper's quantizer has, listed: 2^(b−1) − 1 in the middle, 2^(b−2) − 1 on either side."""
    low, high, middle = float(regions.low), float(regions.high), float(regions.breakpoint)
    side = 2 ** (bits - 2) - 1
    found = torch.linspace(-middle, middle, 2 ** (bits - 1) - 1, dtype=torch.float64).tolist()
    if high > middle:
        found += [middle + (high - middle) * k / side for k in range(1, side + 1)]
    if low < -middle:
        found += [-middle - (-low - middle) * k / side for k in range(1, side + 1)]
    return torch.tensor(sorted(found), dtype=torch.float64)


@pytest.mark.parametrize("bits", WIDTHS)
@given(low=ENDS, high=ENDS, edge=st.floats(min_value=0.125, max_value=500.0, width=32))
def test_every_value_goes_to_the_nearest_point_of_the_paper(bits: int, low: float, high: float, edge: float) -> None:
    regions = _regions(-low, high, edge)
    points = _points(regions, bits)
    values = torch.linspace(-1.2 * (low + 1), 1.2 * (high + 1), 997, dtype=torch.float64)
    found = piecewise(values, regions, bits)
    distances = (values[:, None] - points).abs()
    slack = 1e-9 * (low + high + edge + 1)  # float64, of sums of at most three products
    assert ((found[:, None] - points).abs().amin(1) <= slack).all()
    assert ((values - found).abs() <= distances.amin(1) + slack).all()


@pytest.mark.parametrize("bits", WIDTHS)
@given(low=ENDS, high=ENDS, edge=st.floats(min_value=0.125, max_value=500.0, width=32))
def test_the_law_of_the_two_branches_holds_exactly(bits: int, low: float, high: float, edge: float) -> None:
    regions = _regions(-low, high, edge)
    values = torch.linspace(-1.2 * (low + 1), 1.2 * (high + 1), 997, dtype=torch.float64)
    within = values.clamp(-edge, edge)
    inside, beyond = dense(values, regions, bits), outlier(values, regions, bits)
    assert torch.equal(piecewise(values, regions, bits), inside + beyond)
    assert torch.equal(inside, dense(within, regions, bits))
    assert not beyond[values == within].any()
    assert torch.equal(inside[values != within], within[values != within])


def test_ends_and_breakpoint_receive_gradients() -> None:
    regions = Regions(*(torch.tensor(value, requires_grad=True) for value in (-8.0, 9.0, 2.0)))
    piecewise(torch.tensor([-7.1, -20.0, 0.4, 5.3, 30.0]), regions, 4).sum().backward()  # type: ignore[no-untyped-call]
    for end in (regions.low, regions.high, regions.breakpoint):
        assert end.grad is not None
        assert end.grad != 0


def test_regions_are_minimum_maximum_and_a_percentile_and_follow_later_batches_slowly() -> None:
    first = regions_of(torch.arange(-50.0, 51.0), 90)
    assert [float(value) for value in (first.low, first.high, first.breakpoint)] == [-50, 50, 45]
    moved = first.followed_by(regions_of(torch.full((10,), 100.0)))
    assert [float(value) for value in (moved.low, moved.high, moved.breakpoint)] == pytest.approx([-45, 55, 50.5])
