"""Finetuning moves scales and ranges alone, never away from the float network, and what it leaves is the device's."""

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph

from sr2tflite.quant.finetune import finetune_ranges, sensitivities
from sr2tflite.quant.settings import Bits, FinetuneSettings, PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

IMAGES = [np.random.default_rng(seed).integers(0, 256, (40 + 8 * seed, 36, 3), np.uint8) for seed in range(4)]
PIXELS = torch.from_numpy(np.stack([image[:36] for image in IMAGES])).permute(0, 3, 1, 2).float()
START = PtqSettings(method="minmax", equalize=False, bits=Bits(weights=4, activations=4), weight_range="output")


def _apart(view: QuantizedView) -> float:
    with torch.no_grad():
        return float((view(PIXELS) - FloatView(float_sr_graph())(PIXELS).clamp(0, 255)).abs().mean())


def _codes(view: QuantizedView) -> list[torch.Tensor]:
    scales = {name: view.grids()[view.plan.group_of[name]].scale[0] for name in view.plan.group_of}
    sources = {node.output: node.inputs[0] for node in view.plan.graph.nodes}
    return [view.layer(name).integers(scales[sources[name]]).weight for name in view.layer_names()]


@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
def test_ranges_alone_bring_the_output_nearer_and_stay_exact(weights: str) -> None:
    view = QuantizedView.from_float(float_sr_graph(), IMAGES, START.model_copy(update={"weights": weights}))
    codes, before = _codes(view), _apart(view)
    finetune_ranges(view, IMAGES, FinetuneSettings(epochs=8, rate=0.01))
    assert _apart(view) < before
    assert all(torch.equal(one, other) for one, other in zip(codes, _codes(view), strict=True))
    frozen = view.freeze()
    assert QuantizedView.from_quantized(frozen).freeze().tensors == frozen.tensors
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))


def test_a_rate_that_ruins_everything_leaves_the_start() -> None:
    view = QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings())
    before = view.freeze().tensors
    finetune_ranges(view, IMAGES, FinetuneSettings(epochs=2, rate=3.0))
    assert view.freeze().tensors == before


def test_it_is_a_stage_of_calibration_and_the_same_every_time() -> None:
    settings = PtqSettings(bits=Bits(weights=4), finetune=FinetuneSettings(epochs=2))
    first, second = (QuantizedView.from_float(float_sr_graph(), IMAGES, settings).freeze() for _ in range(2))
    assert first.tensors == second.tensors


def test_sensitivities_add_up_to_one_and_do_not_saturate_unless_the_papers_words_are_followed() -> None:
    spreads = torch.tensor([10.0, 40.0, 90.0])
    plain, exact = sensitivities(spreads), sensitivities(spreads, paper_exact=True)
    assert float(plain.sum()) == pytest.approx(1)
    assert plain.argsort().tolist() == [0, 1, 2]
    assert float(plain.max()) < 0.8
    assert float(exact.max()) == pytest.approx(1)
