"""Weight clipping, the objective, bias correction and recalibration of batch normalization."""

import numpy as np
import pytest
import torch
from kit.graphs import float_sr_graph
from torch import nn

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.shapes import infer_shapes
from sr2tflite.quant.bn import recalibrate
from sr2tflite.quant.clip import WeightClipper
from sr2tflite.quant.settings import FixedClip, PercentileClip, PtqSettings, SigmaClip, WeightClip
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

QUICK = PtqSettings(method="minmax", bias_correction=False, rounding="nearest", equalize=False)
IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]


@pytest.fixture
def view() -> QuantizedView:
    return QuantizedView.from_float(float_sr_graph(), IMAGES, QUICK)


def test_fixed_clipping_tells_the_body_from_the_others(view: QuantizedView) -> None:
    with torch.no_grad():
        for weight in view.weights():
            weight.clamp_(-0.1, 0.1)
    clip = WeightClipper(view, FixedClip(body=0.3, others=0.2))
    with torch.no_grad():
        for weight in view.weights():
            weight.normal_()
    clip()
    for weight in view.weights():
        bound = 0.3 if weight.shape[0] == weight.shape[1] else 0.2
        assert weight.abs().max().item() == pytest.approx(bound)


@pytest.mark.parametrize("settings", [SigmaClip(k=1.0), PercentileClip(percentile=90)])
def test_measured_bounds_do_not_move_with_the_weights(
    view: QuantizedView, settings: SigmaClip | PercentileClip
) -> None:
    clip = WeightClipper(view, settings)
    clip()
    once = [weight.detach().clone() for weight in view.weights()]
    with torch.no_grad():
        for weight in view.weights():
            weight.mul_(5)
    clip()
    for weight, before in zip(view.weights(), once, strict=True):
        assert weight.abs().max().item() == pytest.approx(float(before.abs().max()))


@pytest.mark.parametrize("kind", [SigmaClip, PercentileClip])
def test_a_bound_per_channel_follows_the_channel(
    view: QuantizedView, kind: type[SigmaClip] | type[PercentileClip]
) -> None:
    with torch.no_grad():
        for weight in view.weights():
            weight.normal_()
            weight[0] *= 100
    before = [weight.detach().clone() for weight in view.weights()]
    settings = kind.model_validate({"per_channel": True, **({"k": 1.0} if kind is SigmaClip else {"percentile": 90})})
    WeightClipper(view, settings)()
    for weight, old in zip(view.weights(), before, strict=True):
        rows, old_rows = weight.detach().flatten(1).numpy(), old.flatten(1).numpy()
        bounds = old_rows.std(1) if kind is SigmaClip else np.quantile(np.abs(old_rows), 0.9, axis=1)
        np.testing.assert_allclose(rows, np.clip(old_rows, -bounds[:, None], bounds[:, None]), rtol=1e-5)
        assert bounds[0] > 10 * bounds[1:].max()


@pytest.mark.parametrize("settings", [FixedClip(), SigmaClip(), PercentileClip(per_channel=True)])
def test_bounds_follow_the_weights_to_another_device(view: QuantizedView, settings: WeightClip) -> None:
    clip = WeightClipper(view, settings)
    clip.bounds = [(torch.empty_like(weight, device="meta"), bound) for weight, bound in clip.bounds]
    clip()
    assert all(bound.device.type == "cpu" for _, bound in clip.bounds), "measured before the weights moved"


def test_a_grouped_convolution_belongs_to_the_body() -> None:
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    body = (ops.DepthwiseConv2D(multiplier=1), np.zeros((1, 3, 3, 3)), 3)
    others = (ops.Conv2D(), np.zeros((27, 3, 3, 3)), 27)
    for name, (op, weight, width) in {"body": body, "others": others}.items():
        constants = (
            graph.constant(f"{name}_w", weight.astype(np.float32)),
            graph.constant(f"{name}_b", np.zeros(width, np.float32)),
        )
        source = "x" if name == "body" else "body"
        graph.append(op, (source, *constants), Tensor(name, (1, None, None, width)))
    graph.append(ops.DepthToSpace(3), ("others",), Tensor("y", (1, None, None, 3)))
    graph.outputs = ("y",)
    infer_shapes(graph)
    view = QuantizedView.from_float(graph, IMAGES, QUICK)
    clip = WeightClipper(view, FixedClip())
    with torch.no_grad():
        for weight in view.weights():
            weight.fill_(9)
    clip()
    assert [weight.max().item() for weight in view.weights()] == [3, 2]


def test_no_clipping_leaves_the_weights(view: QuantizedView) -> None:
    before = [weight.detach().clone() for weight in view.weights()]
    WeightClipper(view, None)()
    assert all(torch.equal(a, b) for a, b in zip(before, view.weights(), strict=True))


def test_bias_correction_brings_the_means_together() -> None:
    graph = float_sr_graph(channels=16, depth=3)
    errors = []
    for correct in (False, True):
        view = QuantizedView.from_float(graph, IMAGES, QUICK.model_copy(update={"bias_correction": correct}))
        pixels = torch.stack([torch.from_numpy(image).permute(2, 0, 1).float() for image in IMAGES])
        with torch.no_grad():
            error = view(pixels) - FloatView(view.plan.graph)(pixels).clamp(0, 255)
        errors.append(float(error.mean((0, 2, 3)).abs().mean()))
    assert errors[1] <= errors[0]


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=0.3), nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.norm(self.conv(x)))


def test_recalibration_averages_the_statistics_of_the_batches() -> None:
    module, batches = Branches().train(), [torch.randn(2, 3, 8, 8) for _ in range(5)]
    weight = module.conv.weight.detach().clone()
    assert recalibrate(module, batches, count=4) == 1
    with torch.no_grad():
        outputs = [module.conv(batch) for batch in batches[:4]]
    torch.testing.assert_close(module.norm.running_mean, torch.stack([y.mean((0, 2, 3)) for y in outputs]).mean(0))
    torch.testing.assert_close(module.norm.running_var, torch.stack([y.var((0, 2, 3)) for y in outputs]).mean(0))
    assert torch.equal(module.conv.weight, weight)
    assert module.training
    assert module.drop.training
    assert module.norm.momentum == 0.3


def test_recalibration_needs_batches_where_there_is_something_to_do() -> None:
    assert recalibrate(nn.Conv2d(3, 3, 1), []) == 0
    with pytest.raises(InputError, match="no batches"):
        recalibrate(Branches(), [])
