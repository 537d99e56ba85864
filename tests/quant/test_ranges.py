"""Calibration: histograms that grow, and ways to cut them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kit.graphs import float_sr_graph

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.numerics.requantize import add_ratio_is_delegated
from sr2tflite.quant.histogram import BINS, Histogram
from sr2tflite.quant.limits import Range, settle
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.ranges import find_ranges
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.torch_view import FloatView

IMAGES = [np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8) for seed in range(3)]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40), st.floats(0.01, 1e4))
def test_a_histogram_counts_everything_and_knows_its_ends(values: list[float], step: float) -> None:
    histogram = Histogram()
    for scale in (step / 1e4, 1.0):
        histogram.add(torch.tensor(values) * scale)
    assert histogram.counts.sum() == 2 * len(values)
    assert histogram.high == max(
        0.0, float(torch.tensor(values).max()), float((torch.tensor(values) * step / 1e4).max())
    )


def test_percentiles_of_a_histogram_are_within_a_bin() -> None:
    values, histogram = torch.randn(200_000) * 30, Histogram()
    for part in values.split(1000):
        histogram.add(part)
    for share in (0.001, 0.5, 0.999):
        assert histogram.percentile(share) == pytest.approx(
            float(np.quantile(values, share, method="inverted_cdf")), abs=4 * histogram.limit / BINS
        )


def test_minmax_is_what_the_float_graph_reaches() -> None:
    plan = plan_quantization(float_sr_graph())
    ranges = find_ranges(plan, IMAGES, PtqSettings(method="minmax"))
    view = FloatView(plan.graph)
    seen = [view.activations(torch.from_numpy(i).permute(2, 0, 1)[None].float()) for i in IMAGES]
    for index, found in ranges.items():
        tensors = [values[name] for values in seen for name in plan.groups[index].tensors]
        assert found.high == max(0.0, *(float(t.max()) for t in tensors))
        assert found.low == min(0.0, *(float(t.min()) for t in tensors))


def test_cut_ranges_lie_within_the_extremes() -> None:
    plan = plan_quantization(float_sr_graph())
    widest = find_ranges(plan, IMAGES, PtqSettings(method="minmax"))
    for index, found in find_ranges(plan, IMAGES, PtqSettings(method="percentile", percentile=99.0)).items():
        assert widest[index].low <= found.low <= 0
        assert 0 < found.high <= widest[index].high


def test_no_images_are_refused() -> None:
    with pytest.raises(InputError, match="no images"):
        find_ranges(plan_quantization(float_sr_graph()), [])


def test_additions_are_kept_within_what_the_device_takes() -> None:
    plan = plan_quantization(float_sr_graph())
    (node,) = (node for node in plan.graph.nodes if node.op.kind == "ADD")
    left, right, out = (plan.group_of[name] for name in (*node.inputs, node.output))
    ranges = {i: Range(-1.0, 1.0) for i, group in enumerate(plan.groups) if not group.fixed}
    for extreme in ({left: Range(-1e-4, 1e-4)}, {right: Range(-1e5, 1.0)}, {out: Range(0, 0)}, {out: Range(-1e4, 0)}):
        grids = settle(plan, ranges | extreme, lambda _node, _scale: 0.01)
        assert add_ratio_is_delegated(*(grids[index].scale[0] for index in (left, right, out)))


def test_a_multiplier_that_no_range_can_lower_is_refused() -> None:
    plan = plan_quantization(float_sr_graph())
    ranges = {i: Range(-1.0, 1.0) for i, group in enumerate(plan.groups) if not group.fixed}
    with pytest.raises(UnsupportedError, match="holds pixels"):
        settle(plan, ranges, lambda _node, _scale: 1e6)
