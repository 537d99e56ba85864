"""Equalization leaves the float function alone and lowers the noise it says it lowers, through slopes too."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from kit.graphs import Skip, float_sr_graph
from kit.mixed import mixed_graph

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Node, Tensor, ops, tflite
from sr2tflite.quant.balance import Balanced, balance
from sr2tflite.quant.gains import apply_gain, gain_sets
from sr2tflite.quant.moments import Seen, measured_moments
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.settings import PtqSettings, WeightGrid
from sr2tflite.quant.turn import turn_slopes
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT
from sr2tflite.torch_view import FloatView

IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]
GRAPHS = {
    "plain": float_sr_graph(skip="none"),
    "skip": float_sr_graph(skip="add"),
    "features": float_sr_graph(skip="features"),
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


def sloped(slope: float) -> Graph:
    """Two convolutions and a PRELU between them whose channels have slopes of ±``slope`` and below."""
    graph = float_sr_graph(skip="none", depth=1)
    before = graph.nodes[1]
    slopes = np.linspace(-slope, slope, 8, dtype=np.float32).reshape(1, 1, 8)
    graph.nodes[0] = replace(graph.nodes[0], op=ops.Conv2D())
    graph.add_tensor(Tensor("sloped", graph.tensors["stem"].shape))
    graph.nodes[1] = replace(before, inputs=("sloped", *before.inputs[1:]))
    graph.nodes.insert(1, Node(ops.PRelu(), ("stem", graph.constant("slope", slopes)), ("sloped",)))
    return graph


def balanced(graph: Graph, weights: WeightGrid = "per-channel") -> Balanced:
    return balance(plan_quantization(graph), IMAGES, weights)


def assert_same_function(before: Graph, after: Graph) -> None:
    x = torch.rand(1, 3, 9, 7, dtype=torch.float64) * 255
    old, new = (FloatView(g, torch.float64)(x) for g in (before, after))
    torch.testing.assert_close(new, old, rtol=1e-6, atol=1e-6 * float(old.abs().max()) + 1e-4)


@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
@pytest.mark.parametrize("name", GRAPHS)
def test_balancing_changes_nothing_in_the_float_function(name: str, weights: WeightGrid) -> None:
    graph = plan_quantization(uneven(GRAPHS[name])).graph
    assert_same_function(graph, balanced(graph, weights).plan.graph)


@pytest.mark.parametrize("seed", range(20))
def test_balancing_changes_nothing_among_any_ops(seed: int) -> None:
    plan = plan_quantization(mixed_graph(seed))
    assert_same_function(plan.graph, balance(plan, IMAGES).plan.graph)


@pytest.mark.parametrize("slope", [0.3, 8.0])
def test_balancing_goes_through_slopes(slope: float) -> None:
    graph = plan_quantization(sloped(slope)).graph
    after = balanced(graph).plan.graph
    assert_same_function(graph, after)
    assert after.tensors["stem.weight"] != graph.tensors["stem.weight"]


def test_turned_slopes_lie_within_one_and_change_nothing() -> None:
    graph = plan_quantization(sloped(8.0)).graph
    turned = turn_slopes(graph)
    assert np.abs(turned.tensors["slope"].data).max() <= 1
    assert_same_function(graph, turned)
    assert turn_slopes(sloped(0.5)) == sloped(0.5)


def test_steep_slopes_lose_less_when_turned() -> None:
    left, turned = (error(sloped(20.0), PtqSettings(equalize=equalize)) for equalize in (False, True))
    assert turned < left / 2


@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
@pytest.mark.parametrize("skip", ["none", "add", "features", "concat", "nearest"])
def test_uneven_channels_lose_less_after_balancing(skip: Skip, weights: WeightGrid) -> None:
    graph = uneven(float_sr_graph(channels=16, depth=3, skip=skip))
    plain = PtqSettings(weights=weights, rounding="nearest", bias_correction=False)
    left = error(graph, plain.model_copy(update={"equalize": False}))
    assert error(graph, plain) < left / 4


def test_the_same_images_give_the_same_gains_and_ranges() -> None:
    graph = uneven(GRAPHS["skip"])
    assert balanced(graph) == balanced(graph)


def test_ranges_lie_within_the_extremes() -> None:
    found = balanced(uneven(GRAPHS["skip"]))
    values = [
        FloatView(found.plan.graph).activations(torch.from_numpy(i).permute(2, 0, 1)[None].float()) for i in IMAGES
    ]
    for index, ends in found.ranges.items():
        seen = torch.cat([x[name].flatten() for x in values for name in found.plan.groups[index].tensors])
        assert min(0.0, float(seen.min())) * 1.001 <= ends.low <= 0 < ends.high <= float(seen.max()) * 1.001


def test_an_anchor_of_whole_pixels_keeps_its_steps_of_one() -> None:
    images = [*IMAGES, np.tile(np.array([[[0], [255]]], np.uint8), (20, 10, 3))]
    found = balance(plan_quantization(GRAPHS["anchor"]), images)
    (add,) = (node for node in found.plan.graph.nodes if isinstance(node.op, ops.Add))
    ends = [found.ranges[found.plan.group_of[name]] for name in add.inputs]
    assert (0.0, 255.0) in [(low, round(high, 9)) for low, high in ends]


def test_a_tail_costs_what_clipping_costs() -> None:
    x = torch.from_numpy(np.random.default_rng(0).exponential(20, (1, 3, 50, 40)) * [[[[1]], [[3]], [[0.1]]]])
    counted = Seen(3)
    counted.add(x, torch.ones_like(x), x[0, 0].numel())
    seen = counted.moments()
    for end in (0.5, 10.0, 60.0):
        wanted = (x - end).clamp(min=0).square().mean((0, 2, 3))
        torch.testing.assert_close(seen.above.cost(torch.full((3,), end).double()), wanted, rtol=0.1, atol=1e-3)


def test_no_images_are_refused() -> None:
    with pytest.raises(InputError, match="no images"):
        balance(plan_quantization(GRAPHS["skip"]), [])


def test_sensitivity_is_the_squared_gradient_of_all_outputs() -> None:
    graph = float_sr_graph(channels=4, depth=1, skip="none")
    wanted = torch.zeros(4, dtype=torch.float64)
    image = IMAGES[0][:6, :5]
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float().requires_grad_()
    values = FloatView(graph).activations(x)
    name = graph.nodes[0].output
    for value in values[graph.output.name].flatten():
        (gradient,) = torch.autograd.grad(value, values[name], retain_graph=True)
        wanted += (gradient * (values[name] != 0)).double().square().mean((0, 2, 3))
    found = measured_moments(graph, [image] * 400)[name]
    torch.testing.assert_close(found.sensitivity, wanted, rtol=0.2, atol=0)  # 400 random sign patterns


def test_balanced_and_rounded_weights_survive_freezing_and_equal_the_device() -> None:
    view = QuantizedView.from_float(uneven(GRAPHS["skip"]), IMAGES, PER_TENSOR)
    quantized = view.freeze()
    assert QuantizedView.from_quantized(quantized).freeze().tensors == quantized.tensors
    weights = [quantized.tensors[node.inputs[1]] for node in quantized.nodes if isinstance(node.op, ops.Conv2D)]
    assert all(weight.quant.axis is None and np.abs(weight.data.astype(int)).max() == 127 for weight in weights)
    codes = (IMAGES[0].astype(np.int16) - 128).astype(np.int8)[None]
    want = LiteRT(tflite.write(quantized)).run(codes)[0].astype(np.int16) + 128
    np.testing.assert_array_equal(view.upscale(IMAGES[0]), want)
