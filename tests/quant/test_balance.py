"""Equalization for per-tensor weights leaves the float function alone and lowers the noise it says it lowers."""

import numpy as np
import pytest
import torch
from kit.graphs import Skip, float_sr_graph

from sr2tflite.graph import Graph, ops, tflite
from sr2tflite.quant.balance import balance_channels, measured_moments
from sr2tflite.quant.equalize import apply_gain, equalize_channels, gain_sets
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT
from sr2tflite.torch_view import FloatView

IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]
GRAPHS = {
    "plain": float_sr_graph(skip="none"),
    "skip": float_sr_graph(skip="add"),
    "concatenation": float_sr_graph(skip="concat"),
    "anchor": float_sr_graph(skip="nearest"),
    "nothing to gain": float_sr_graph(depth=0, skip="concat"),
}
PER_TENSOR = PtqSettings(weights="per-tensor")


def uneven(graph: Graph) -> Graph:
    """The same function with channels of very different sizes."""
    result = graph.copy()
    for members in gain_sets(result):
        channels = result.tensors[min(members)].channels
        apply_gain(result, members, np.random.default_rng(channels).permutation(np.geomspace(0.05, 20, channels)))
    return result


def error(graph: Graph, settings: PtqSettings) -> float:
    """Mean squared distance of the quantized graph to the float one."""
    pixels = torch.stack([torch.from_numpy(image).permute(2, 0, 1).float() for image in IMAGES])
    view = QuantizedView.from_float(graph, IMAGES, settings)
    with torch.no_grad():
        return float((view(pixels) - FloatView(graph)(pixels).clamp(0, 255)).square().mean())


@pytest.mark.parametrize("name", GRAPHS)
def test_balancing_changes_nothing_in_the_float_function(name: str) -> None:
    graph = uneven(GRAPHS[name])
    x = torch.rand(1, 3, 9, 7, dtype=torch.float64) * 255
    before, after = (FloatView(g, torch.float64)(x) for g in (graph, balance_channels(graph, IMAGES)))
    torch.testing.assert_close(after, before, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("skip", ["none", "add", "nearest"])
def test_per_tensor_weights_lose_less_after_balancing(skip: Skip) -> None:
    graph = uneven(float_sr_graph(channels=16, depth=3, skip=skip))
    nearest = {"rounding": "nearest", "bias_correction": False}
    left = error(graph, PER_TENSOR.model_copy(update={**nearest, "equalize": False}))
    balanced = error(graph, PER_TENSOR.model_copy(update=nearest))
    by_activations = error(
        equalize_channels(graph, IMAGES), PER_TENSOR.model_copy(update={**nearest, "equalize": False})
    )
    assert balanced < left / 4
    assert balanced < by_activations


def test_the_same_images_give_the_same_gains() -> None:
    graph = uneven(GRAPHS["skip"])
    assert balance_channels(graph, IMAGES) == balance_channels(graph, IMAGES)


def test_sensitivity_is_the_squared_gradient_of_all_outputs() -> None:
    graph = float_sr_graph(channels=4, depth=1, skip="none")
    wanted = torch.zeros(4, dtype=torch.float64)
    image = IMAGES[0][:6, :5]
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float().requires_grad_()
    values = FloatView(graph).activations(x)
    name = graph.nodes[0].output
    for value in values[graph.output.name].flatten():
        (gradient,) = torch.autograd.grad(value, values[name], retain_graph=True)
        wanted += gradient.double().square().mean((0, 2, 3))
    found = measured_moments(graph, [image] * 400)[name]
    torch.testing.assert_close(found.sensitivity, wanted, rtol=0.2, atol=0)  # 400 random sign patterns
    assert (found.linear_sensitivity <= found.sensitivity).all()


def test_balanced_and_rounded_weights_survive_freezing_and_equal_the_device() -> None:
    view = QuantizedView.from_float(uneven(GRAPHS["skip"]), IMAGES, PER_TENSOR)
    quantized = view.freeze()
    assert QuantizedView.from_quantized(quantized).freeze().tensors == quantized.tensors
    weights = [quantized.tensors[node.inputs[1]] for node in quantized.nodes if isinstance(node.op, ops.Conv2D)]
    assert all(weight.quant.axis is None and np.abs(weight.data.astype(int)).max() == 127 for weight in weights)
    codes = (IMAGES[0].astype(np.int16) - 128).astype(np.int8)[None]
    want = LiteRT(tflite.write(quantized)).run(codes)[0].astype(np.int16) + 128
    np.testing.assert_array_equal(view.upscale(IMAGES[0]), want)
