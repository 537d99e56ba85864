"""AdaRound rounds up or down only, gives a layer's output back better than the nearest code, and always the same."""

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph

from sr2tflite.quant import adaround
from sr2tflite.quant.settings import Bits, PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]
FEW = Bits(weights=4)
PIXELS = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).float()


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaround, "STEPS", 200)


def _view(rounding: str, **settings: object) -> QuantizedView:
    told = {"bits": FEW, "rounding": rounding, "equalize": False, "method": "minmax", **settings}
    return QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings.model_validate(told))


def _apart(view: QuantizedView) -> float:
    with torch.no_grad():
        return float((view(PIXELS) - FloatView(float_sr_graph())(PIXELS).clamp(0, 255)).square().mean())


def test_h_reaches_both_ends() -> None:
    assert adaround.stretched(torch.tensor([-20.0, 0.0, 20.0])).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
def test_every_weight_goes_up_or_down_and_scales_stay(weights: str) -> None:
    plain, rounded = _view("nearest", weights=weights), _view("adaround", weights=weights)
    for name in plain.layer_names():
        before, after = plain.layer(name), rounded.layer(name)
        scale = torch.tensor(before.weight_params(1.0).scale, dtype=torch.float64).reshape(-1, 1, 1, 1)
        assert after.weight_params(1.0).scale == before.weight_params(1.0).scale
        moved = after.integers(1.0).weight.double() - before.weight.double() / scale
        assert float(moved.detach().abs().max()) < 1 + 1e-3  # scales have 16 bits


def test_the_output_comes_nearer_than_by_rounding_to_the_nearest() -> None:
    assert _apart(_view("adaround")) < 0.9 * _apart(_view("nearest"))


def test_it_is_the_same_every_time_and_equals_the_device() -> None:
    first, second = _view("adaround", weight_range="output"), _view("adaround", weight_range="output")
    frozen = first.freeze()
    assert second.freeze().tensors == frozen.tensors
    assert QuantizedView.from_quantized(frozen).freeze().tensors == frozen.tensors
    assert np.array_equal(first.upscale(IMAGES[0]), on_device(first, IMAGES[0]))
