"""Equalization leaves the float function alone; rounding by covariance beats rounding to the nearest code."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from kit.graphs import float_sr_graph
from kit.mixed import mixed_graph

from sr2tflite.graph import Graph, Node, Tensor, ops, tflite
from sr2tflite.graph.passes.merge_clips import merge_clips
from sr2tflite.quant.equalize import equalize_channels
from sr2tflite.quant.rounding import rounded_steps
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
}


def uneven(graph: Graph) -> Graph:
    """The graph with the output channels of its first convolution of very different sizes."""
    graph = graph.copy()
    _, weight, bias = graph.nodes[0].inputs
    sizes = np.geomspace(0.05, 3, graph.tensors[bias].channels).astype(np.float32)
    graph.update(weight, data=graph.tensors[weight].data * sizes[:, None, None, None])
    graph.update(bias, data=graph.tensors[bias].data * sizes)
    return graph


@pytest.mark.parametrize("seed", range(20))
def test_equalization_changes_nothing_among_any_ops(seed: int) -> None:
    graph = merge_clips(mixed_graph(seed))
    x = torch.rand(1, 3, 9, 7, dtype=torch.float64) * 255
    before, after = (FloatView(g, torch.float64)(x) for g in (graph, equalize_channels(graph, IMAGES)))
    torch.testing.assert_close(after, before, rtol=1e-6, atol=1e-4 * float(before.abs().max()))


def test_gains_stop_at_slopes() -> None:
    graph = uneven(float_sr_graph(skip="none", depth=1))
    before = graph.nodes[1]
    slope = graph.constant("slope", np.full((1, 1, 8), 0.3, np.float32))
    graph.nodes[0] = replace(graph.nodes[0], op=ops.Conv2D())
    graph.add_tensor(Tensor("sloped", graph.tensors["stem"].shape))
    graph.nodes[1] = replace(before, inputs=("sloped", *before.inputs[1:]))
    graph.nodes.insert(1, Node(ops.PRelu(), ("stem", slope), ("sloped",)))
    equal = equalize_channels(graph, IMAGES)
    assert equal.tensors["stem.weight"] == graph.tensors["stem.weight"]
    assert equal.tensors["body.0.weight"] != graph.tensors["body.0.weight"]


@pytest.mark.parametrize("name", GRAPHS)
def test_equalization_changes_nothing_in_the_float_function(name: str) -> None:
    graph = uneven(GRAPHS[name])
    x = torch.rand(1, 3, 9, 7, dtype=torch.float64) * 255
    before, after = (FloatView(g, torch.float64)(x) for g in (graph, equalize_channels(graph, IMAGES)))
    torch.testing.assert_close(after, before, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("name", ["plain", "skip"])
def test_equalized_channels_are_of_one_size(name: str) -> None:
    graph = uneven(GRAPHS[name])
    first = graph.nodes[0].output
    spread = []
    for version in (graph, equalize_channels(graph, IMAGES)):
        view = FloatView(version)
        seen = [view.activations(torch.from_numpy(i).permute(2, 0, 1)[None].float())[first] for i in IMAGES]
        largest = torch.stack([x.abs().amax((0, 2, 3)) for x in seen]).amax(0)
        spread.append(float(largest.max() / largest.min()))
    assert spread[1] < spread[0] / 2


def test_rounding_by_covariance_leaves_a_smaller_error() -> None:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(4000, 20)) @ rng.normal(size=(20, 40)) + 0.1 * rng.normal(size=(4000, 40))
    steps = rng.uniform(-100, 100, (6, 40))
    steps[np.arange(6), rng.integers(0, 40, 6)] = 127
    rounded = rounded_steps(steps, np.cov(mixed.T))
    nearest, chosen = (np.var(mixed @ (steps - codes).T) for codes in (np.rint(steps), rounded))
    assert chosen < nearest / 3
    assert np.array_equal(rounded, np.rint(rounded))
    assert (np.abs(rounded).max(axis=1) == 127).all()


def test_rounded_weights_survive_freezing_and_equal_the_device() -> None:
    view = QuantizedView.from_float(uneven(GRAPHS["skip"]), IMAGES, PtqSettings())
    quantized = view.freeze()
    assert QuantizedView.from_quantized(quantized).freeze().tensors == quantized.tensors
    codes = (IMAGES[0].astype(np.int16) - 128).astype(np.int8)[None]
    want = LiteRT(tflite.write(quantized)).run(codes)[0].astype(np.int16) + 128
    np.testing.assert_array_equal(view.upscale(IMAGES[0]), want)


def test_calibration_brings_the_output_nearer_to_the_float_graph() -> None:
    graph, plain = uneven(float_sr_graph(channels=16, depth=3)), {"rounding": "nearest", "equalize": False}
    pixels = torch.stack([torch.from_numpy(image).permute(2, 0, 1).float() for image in IMAGES])
    errors = []
    for settings in (PtqSettings(bias_correction=False, **plain), PtqSettings()):
        view = QuantizedView.from_float(graph, IMAGES, settings)
        with torch.no_grad():
            errors.append(float((view(pixels) - FloatView(graph)(pixels).clamp(0, 255)).square().mean()))
    assert errors[1] < errors[0]
