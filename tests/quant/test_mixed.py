"""Networks that mix all ops: the view computes what LiteRT computes on its file, and the file gives it back."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from kit.graphs import float_sr_graph
from kit.mixed import mixed_graph
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.export.checks import check_integers
from sr2tflite.graph import Node, Tensor, onnx, ops, tflite
from sr2tflite.quant.limits import Range
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.ranges import find_ranges
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT
from sr2tflite.torch_view import FloatView


def image_for(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    height, width = (int(size) for size in rng.integers(1, 40, 2))
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def random_view(seed: int) -> QuantizedView:
    """Ranges as calibrated, each end then made longer or shorter by a factor of up to e, so that codes saturate."""
    plan, rng = plan_quantization(mixed_graph(seed)), np.random.default_rng(seed)
    found = find_ranges(plan, [image_for(seed)], PtqSettings(method="minmax"))
    stretched = {
        i: Range(r.low * np.exp(rng.uniform(-1, 1)), r.high * np.exp(rng.uniform(-1, 1))) for i, r in found.items()
    }
    return QuantizedView(plan, stretched)


def count_differences(view: QuantizedView, image: NDArray[np.uint8]) -> int:
    """Bytes in which the view and LiteRT differ."""
    frozen = view.freeze()
    check_integers(frozen)
    codes = (image.astype(np.int16) - 128).astype(np.int8)[None]
    want = LiteRT(tflite.write(frozen)).run(codes)[0].astype(np.int16) + 128
    got = view.upscale(image)
    assert got.shape == want.shape
    return int(np.count_nonzero(got != want))


def check(seed: int) -> bool:
    try:
        view = random_view(seed)
        frozen = view.freeze()
    except UnsupportedError:
        return False
    assert count_differences(view, image_for(seed)) == 0
    again = QuantizedView.from_quantized(onnx.read(onnx.write(frozen), "qat.onnx"))
    assert again.freeze().tensors == frozen.tensors
    assert again.freeze().nodes == frozen.nodes
    back = tflite.read(tflite.write(frozen), "model.tflite")
    assert (back.nodes, back.tensors) == (frozen.nodes, frozen.tensors)
    return True


def test_random_networks_equal_the_device() -> None:
    done = sum(check(seed) for seed in range(40))
    assert done > 34  # the rest asks for scales that no kernel takes


@pytest.mark.slow
def test_a_thousand_random_networks_equal_the_device() -> None:
    assert sum(check(seed) for seed in range(1000, 2000)) > 850


@pytest.mark.parametrize("seed", range(8))
def test_calibration_and_training_keep_the_view_equal_to_the_device(seed: int) -> None:
    images = [np.random.default_rng(seed + i).integers(0, 256, (24, 28, 3), np.uint8) for i in range(2)]
    view = QuantizedView.from_float(mixed_graph(seed), images, PtqSettings())
    assert count_differences(view, images[0]) == 0
    optimizer = torch.optim.Adam([{**group, "lr": 1e-3 * group["lr"]} for group in view.parameter_groups()])
    lr = torch.randint(0, 256, (2, 3, 12, 12)).float()
    for _ in range(3):
        optimizer.zero_grad()
        (view(lr) - 128).abs().mean().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in view.parameters())
    assert count_differences(view, images[1]) == 0


def test_slopes_learn() -> None:
    graph = float_sr_graph(skip="none", depth=1)
    slope = graph.constant("slope", np.full((1, 1, 8), 0.1, np.float32))
    graph.nodes[0] = replace(graph.nodes[0], op=ops.Conv2D())
    graph.add_tensor(Tensor("sloped", graph.tensors["stem"].shape))
    graph.nodes[1] = replace(graph.nodes[1], inputs=("sloped", *graph.nodes[1].inputs[1:]))
    graph.nodes.insert(1, Node(ops.PRelu(), ("stem", slope), ("sloped",)))
    target = graph.copy()
    target.update("slope", data=np.linspace(-0.3, 1.2, 8, dtype=np.float32).reshape(1, 1, 8))
    images = [image_for(0), image_for(1)]
    view, wanted = QuantizedView.from_float(graph, images), FloatView(target)
    before = view.slopes[0].slope.detach().clone()
    lr = torch.randint(0, 256, (4, 3, 24, 24)).float()
    learned = [*view.slopes.parameters(), view.relative_range]
    optimizer = torch.optim.Adam(learned, 0.03)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (view(lr) - wanted(lr).clamp(0, 255)).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert (view.slopes[0].slope - before).abs().max() > 0.3
