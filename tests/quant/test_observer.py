"""Observed ranges: what they follow, for how long, and that the forward is the device's at every moment of it."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph

from sr2tflite.errors import RecipeError
from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.quant.observer import RangeObserver
from sr2tflite.quant.settings import PtqSettings, QatSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.registry import parse_settings
from sr2tflite.torch_view import FloatView

QUICK = PtqSettings(method="minmax", bias_correction=False, rounding="nearest", equalize=False)
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 36, 3), np.uint8)


@pytest.fixture
def view() -> QuantizedView:
    return QuantizedView.from_float(float_sr_graph(channels=8, depth=2), [IMAGE], QUICK)


def _batch(seed: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(seed, 256, (2, 3, 16, 16), generator=draw).float()


def _ends(view: QuantizedView) -> torch.Tensor:
    return torch.tensor([tuple(found) for found in view.ranges().values()], dtype=torch.float64)


def _seen(view: QuantizedView, pixels: torch.Tensor, share: float = 1.0) -> torch.Tensor:
    """The ends of each learned group's values on a batch, with the weights as the file holds them."""
    values = FloatView(dequantized(view.freeze())).activations(pixels)
    ends = []
    for index in view.ranges():
        group = view.plan.groups[index]
        shown = torch.cat([values[name].flatten() for name in group.tensors if name in values])
        shown = shown.clamp(group.low, group.high).numpy()
        low, high = np.quantile(shown, [1 - share, share], method="inverted_cdf")
        ends.append((min(low, 0.0), max(high, 0.0)))
    return torch.tensor(ends, dtype=torch.float64)


def test_a_range_takes_a_share_of_the_way_to_the_ends_of_each_batch(view: QuantizedView) -> None:
    observer = RangeObserver(view, QatSettings(observe_until=0.5, observe_rate=0.25))
    for step in range(4):
        pixels, before = _batch(40 * step), _ends(view)
        wanted = 0.75 * before + 0.25 * _seen(view, pixels)
        observer.see(pixels, step / 8)
        torch.testing.assert_close(_ends(view), wanted, rtol=1e-5, atol=1e-4)
        assert (wanted - before).abs().max() > 1


def test_percentiles_leave_out_the_tails(view: QuantizedView) -> None:
    observer = RangeObserver(view, QatSettings(observe_until=1, observe_rate=1, observe_percentile=98))
    pixels = _batch(0)
    wanted, widest = _seen(view, pixels, 0.98), _seen(view, pixels)
    observer.see(pixels, 0)
    # an end is known to within a bin of the histogram
    torch.testing.assert_close(_ends(view), wanted, rtol=0, atol=float(widest.abs().max()) / 1000)
    assert (widest - wanted).abs().max() > 1


def test_observed_ranges_are_the_optimizers_only_once_observing_is_over(view: QuantizedView) -> None:
    observer = RangeObserver(view, QatSettings(observe_until=0.5))
    moved = []
    for progress in (0.0, 0.25, 0.49, 0.5, 0.75):
        observer.see(_batch(1), progress)
        seen = _ends(view)
        with torch.no_grad():
            view.relative_range.mul_(1.5)  # an optimizer's step
        observer.hold()
        moved.append(not torch.equal(_ends(view), seen))
    assert moved == [False, False, False, True, True]


def test_parts_of_a_batch_seen_apart_are_one_batch_once_the_smallest_are_exchanged(view: QuantizedView) -> None:
    settings = QatSettings(observe_until=1, observe_rate=1)
    whole, others = torch.cat([_batch(0), _batch(150)]), []

    def told(ends: torch.Tensor) -> torch.Tensor:
        others.append(ends)
        return torch.stack(others).amin(0)

    alone, first, second = (deepcopy(view) for _ in range(3))
    RangeObserver(alone, settings).see(whole, 0)
    RangeObserver(first, settings, told).see(whole[:2], 0)
    RangeObserver(second, settings, told).see(whole[2:], 0)
    assert torch.equal(_ends(second), _ends(alone))
    assert not torch.equal(others[0], others[1])


def test_nothing_is_observed_unless_told(view: QuantizedView) -> None:
    before = _ends(view)
    RangeObserver(view, QatSettings()).see(_batch(0), 0.0)
    assert torch.equal(_ends(view), before)


def test_the_forward_equals_the_device_at_every_moment_while_ranges_move(view: QuantizedView) -> None:
    settings = QatSettings(observe_until=0.5, observe_rate=0.3, observe_percentile=99)
    observer = RangeObserver(view, settings)
    groups = [{**group, "lr": 2e-3} for group in view.parameter_groups()]
    optimizer, grids = torch.optim.Adam(groups), set()
    for step in range(12):
        pixels = _batch(step)
        observer.see(pixels, step / 12)
        np.testing.assert_array_equal(view.upscale(IMAGE), on_device(view, IMAGE))
        optimizer.zero_grad()
        (view(pixels) - pixels.repeat_interleave(3, 2).repeat_interleave(3, 3)).abs().mean().backward()
        optimizer.step()
        observer.hold()
        np.testing.assert_array_equal(view.upscale(IMAGE), on_device(view, IMAGE))
        grids.add(tuple(view.grids()))
    assert len(grids) == 12, "they did move"


def test_ranges_cannot_be_observed_after_they_are_frozen() -> None:
    with pytest.raises(RecipeError, match=r"observe_until is 0\.7; expected at most ranges_until"):
        parse_settings(QatSettings, {"observe_until": 0.7, "ranges_until": 0.6}, "qat")
