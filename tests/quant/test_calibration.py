"""Rounding by covariance beats rounding to the nearest code; calibration brings the output nearer."""

import numpy as np
import torch
from kit.graphs import float_sr_graph

from sr2tflite.graph import Graph, tflite
from sr2tflite.quant.rounding import rounded_steps
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT
from sr2tflite.torch_view import FloatView

IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]
SKIP = float_sr_graph(skip="add")


def uneven(graph: Graph) -> Graph:
    """The graph with the output channels of its first convolution of very different sizes."""
    graph = graph.copy()
    _, weight, bias = graph.nodes[0].inputs
    sizes = np.geomspace(0.05, 3, graph.tensors[bias].channels).astype(np.float32)
    graph.update(weight, data=graph.tensors[weight].data * sizes[:, None, None, None])
    graph.update(bias, data=graph.tensors[bias].data * sizes)
    return graph


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
    view = QuantizedView.from_float(uneven(SKIP), IMAGES, PtqSettings())
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
