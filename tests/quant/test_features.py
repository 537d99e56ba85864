"""What convolutions write while a view trains, and the same of its float graph."""

import numpy as np
import pytest
import torch
from kit.graphs import float_sr_graph

from sr2tflite.errors import RecipeError
from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.quant.features import FeatureTap
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

QUICK = PtqSettings(method="minmax", bias_correction=False, rounding="nearest", equalize=False)
IMAGE = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
PIXELS = torch.from_numpy(IMAGE).permute(2, 0, 1)[None].float()


@pytest.fixture
def view() -> QuantizedView:
    return QuantizedView.from_float(float_sr_graph(channels=8, depth=2), [IMAGE], QUICK)


def test_features_are_real_values_within_a_step_of_the_codes_the_view_computes(view: QuantizedView) -> None:
    tap = FeatureTap(view, (0, 2))
    view(PIXELS)
    found = tap(PIXELS)
    assert list(found) == [0, 2]
    codes = {node.output: codes for node, codes in view.codes(PIXELS, view.grids())}
    wanted = FloatView(view.plan.graph).activations(PIXELS)
    for number, (ours, theirs) in found.items():
        name = view.layer_names()[number]
        assert torch.equal(ours, codes[name] * view.grid(name).scale)
        assert torch.equal(theirs, wanted[name])
        assert ours.requires_grad
        assert not theirs.requires_grad


def test_the_gradient_of_a_feature_is_that_of_its_real_value(view: QuantizedView) -> None:
    name = view.layer_names()[0]
    view.set_range(name, view.ranges()[view.plan.group_of[name]].widened(2))
    assert abs(view.grid(name).scale - 1) > 0.2
    tap = FeatureTap(view, (0,))
    view(PIXELS)
    tap(PIXELS)[0][0].sum().backward()
    # nothing is clipped above: ∂Σf/∂b is how many accumulators, integers times s_w, the ReLU lets through
    frozen = view.freeze()
    steps = torch.tensor(frozen.tensors[frozen.producer(name).inputs[1]].quant.scale)
    values = FloatView(dequantized(frozen)).activations(PIXELS)[name]
    wanted = (values > steps[:, None, None] / 2).sum((0, 2, 3))
    assert torch.equal(view.layer(name).bias.grad, wanted.float())


def test_no_convolutions_cost_nothing(view: QuantizedView) -> None:
    tap = FeatureTap(view, ())
    view(PIXELS)
    assert tap(PIXELS) == {}
    assert not any(layer._forward_hooks for layer in view.layers)


def test_a_convolution_that_is_not_there_is_refused(view: QuantizedView) -> None:
    count = len(view.layer_names())
    with pytest.raises(RecipeError, match=f"convolution {count} is compared, and there are {count}"):
        FeatureTap(view, (0, count))
