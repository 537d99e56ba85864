"""Ops with a counterpart are mapped one to one; activations are fused; PixelShuffle becomes one DEPTH_TO_SPACE."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from kit.fusing import After, fused
from torch import Tensor, nn

from sr2tflite.graph import ops

MAPPED: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str]] = {
    "relu": (lambda y, _: y.relu(), "CONV_2D"),
    "relu in place": (lambda y, _: F.relu_(y), "CONV_2D"),
    "relu6": (lambda y, _: F.relu6(y), "CONV_2D"),
    "hardtanh 0…6": (lambda y, _: F.hardtanh(y, 0.0, 6.0), "CONV_2D"),
    "hardtanh 0…1": (lambda y, _: F.hardtanh(y, 0.0, 1.0), "CONV_2D RELU_0_TO_1"),
    "hardtanh": (lambda y, _: F.hardtanh(y), "CONV_2D MAXIMUM MINIMUM"),
    "clamp 0…255": (lambda y, _: y.clamp(0, 255), "CONV_2D MINIMUM"),
    "clamp from below": (lambda y, _: y.clamp(min=0.25), "CONV_2D MAXIMUM"),
    "clamp from above": (lambda y, _: y.clamp(max=0.25), "CONV_2D MINIMUM"),
    "clamp by tensors": (lambda y, _: torch.clamp(y, torch.zeros(1), torch.ones(1) / 2), "CONV_2D MINIMUM"),
    "minimum by channel": (lambda y, _: torch.minimum(y, torch.arange(12.0).view(12, 1, 1) / 9), "CONV_2D MINIMUM"),
    "maximum of two": (lambda y, x: torch.maximum(y, x.repeat(1, 4, 1, 1)), "CONV_2D×2 MAXIMUM"),
    "hardsigmoid": (lambda y, _: F.hardsigmoid(y), "CONV_2D RELU_0_TO_1"),
    "hardswish": (lambda y, _: F.hardswish(y), "CONV_2D MUL×2 ADD RELU_0_TO_1"),
    "hardswish by hand": (lambda y, _: y * F.relu6(y + 3) / 6, "CONV_2D ADD MUL×2"),
    "silu": (lambda y, _: F.silu(y), "CONV_2D LOGISTIC MUL"),
    "tanh": (lambda y, _: y.tanh(), "CONV_2D LOGISTIC MUL ADD"),
    "threshold": (lambda y, _: F.threshold(y, 0.0, 0.0), "CONV_2D"),
    "clip": (lambda y, _: torch.clip(y, 0, 6), "CONV_2D"),
    "max of two": (lambda y, _: torch.max(y, y.sigmoid()), "CONV_2D LOGISTIC MAXIMUM"),
    "min of two": (lambda y, _: torch.min(y, y.sigmoid()), "CONV_2D LOGISTIC MINIMUM"),
    "a sum with a factor": (lambda y, _: torch.add(y.relu(), y, alpha=2), "CONV_2D RELU MUL ADD"),
    "a difference with a factor": (lambda y, _: torch.sub(y.relu(), y, alpha=2), "CONV_2D RELU MUL SUB"),
    "one minus": (lambda y, _: 1 - y, "CONV_2D"),
    "negative slopes": (lambda y, _: F.leaky_relu(y, -0.5), "CONV_2D LEAKY_RELU"),
    "leaky relu": (lambda y, _: F.leaky_relu(y, 0.1), "CONV_2D LEAKY_RELU"),
    "sigmoid": (lambda y, _: y.sigmoid(), "CONV_2D LOGISTIC"),
    "product": (lambda y, _: y * y.sigmoid(), "CONV_2D LOGISTIC MUL"),
    "difference": (lambda y, _: y.relu() - y.sigmoid(), "CONV_2D RELU LOGISTIC SUB"),
    "sum, then relu": (lambda y, _: (y.sigmoid() + y.relu()).relu(), "CONV_2D LOGISTIC RELU ADD"),
    "concatenation": (lambda y, x: torch.cat([y.relu(), x], 1), "CONV_2D CONCATENATION"),
    "relu of two, side by side": (
        lambda y, x: torch.cat([y.relu(), F.conv2d(x, torch.ones(4, 3, 1, 1, dtype=x.dtype)).relu()], 1),
        "CONV_2D",
    ),
    "relu around two": (
        lambda y, _: torch.cat([y.sigmoid() + 1, y + y.sigmoid()], 1).relu(),
        "CONV_2D LOGISTIC×2 ADD×2 CONCATENATION",
    ),
    "sigmoid of two from two": (
        lambda y, x: torch.cat([y.sigmoid(), F.conv2d(y.relu(), torch.ones(4, 12, 1, 1, dtype=x.dtype)).sigmoid()], 1),
        "CONV_2D×2 RELU CONCATENATION LOGISTIC",
    ),
    "scale and offset": (lambda y, _: y.relu() * 0.5 + torch.arange(12.0).view(1, 12, 1, 1), "CONV_2D MUL ADD"),
    "negation": (lambda y, _: -y.relu(), "CONV_2D MUL"),
    "division": (lambda y, _: y.relu() / 255, "CONV_2D MUL"),
    "blur": (lambda y, _: F.avg_pool2d(y.relu(), 3, 1, 1), "CONV_2D DEPTHWISE_CONV_2D"),
    "half of the channels": (lambda y, _: y.relu()[:, ::2], "CONV_2D×2"),
    "luminance": (lambda _, x: (x * torch.tensor([0.3, 0.6, 0.1]).view(1, 3, 1, 1)).sum(1, keepdim=True), "CONV_2D"),
    "nothing twice": (lambda y, _: F.dropout(y, 0.5, False).contiguous().relu() * 1.0, "CONV_2D"),
    "nearest": (lambda y, _: F.interpolate(y, scale_factor=2, mode="nearest"), "CONV_2D×2 DEPTH_TO_SPACE"),
}


def test_a_scale_before_an_offset_before_zero_padding_stays_a_scale_and_an_offset_per_channel() -> None:
    scale, offset = torch.tensor([2.0, 3.0, 4.0]).view(1, 3, 1, 1), torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    weight = torch.rand(4, 3, 3, 3)
    module = After(lambda _, x: F.conv2d(x * scale - offset, weight.to(x.dtype), padding=1).relu())
    assert fused(module).graph.summary() == "MUL ADD CONV_2D"


CLIPS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "min of max": (lambda y: torch.min(torch.max(y, torch.tensor(0.0)), torch.tensor(1.0)), "RELU_0_TO_1"),
    "max of min": (lambda y: torch.maximum(torch.minimum(y, torch.tensor(1.0)), torch.tensor(0.0)), "RELU_0_TO_1"),
    "one bound after the other": (lambda y: y.clamp(min=0).clamp(max=1), "RELU_0_TO_1"),
    "the upper bound first": (lambda y: y.clamp(max=6).clamp(min=0), ""),
    "relu, then both bounds": (lambda y: y.relu().clamp(0, 255), "MINIMUM"),
    "an upper bound, then relu": (lambda y: y.clamp(max=255).relu(), "MINIMUM"),
    "an endless range": (lambda y: torch.clamp(y, 0.0, float("inf")), ""),
    "all of float32": (lambda y: torch.clamp(y, -3.4028234663852886e38, 1.0), "MINIMUM"),
    "a negative bound, then relu": (lambda y: y.clamp(max=-1).relu() + y, "MINIMUM RELU ADD"),
    "two relus": (lambda y: 255 - F.relu(255 - F.relu(y)), "MINIMUM"),
    "two relus around": (lambda y: F.relu(255 - F.relu(255 - y)), "MINIMUM"),
    "two relus to one": (lambda y: F.relu(1 - F.relu(1 - y)), "RELU_0_TO_1"),
}


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_has_one_form_however_it_is_written(name: str) -> None:
    function, summary = CLIPS[name]
    white = 255.0 if "MINIMUM" in summary else 1.0
    graph = fused(After(lambda y, _: function(3 * y)), value_range=(0.0, white)).graph
    assert graph.summary() == f"CONV_2D {summary}".strip()


def test_a_clip_whose_first_half_is_read_elsewhere_stays_in_two() -> None:
    graph = fused(After(lambda y, _: (z := y.relu()) * z.clamp(max=1))).graph
    assert graph.summary() == "CONV_2D MINIMUM MUL"


@pytest.mark.parametrize("mean", [torch.zeros(3), torch.rand(3)])
def test_a_normalization_before_zero_padding_is_one_offset_per_channel(mean: Tensor) -> None:
    """The border of zeros comes after the offset, so that only the scale can go into the convolution."""
    std, weight = torch.tensor([0.2, 0.3, 0.4]).view(1, 3, 1, 1), torch.rand(4, 3, 3, 3)
    module = After(lambda _, x: F.conv2d((x - mean.view(1, 3, 1, 1)) / std, weight.to(x.dtype), padding=1).relu())
    graph = fused(module).graph
    assert graph.summary() == ("ADD CONV_2D" if mean.any() else "CONV_2D")


@pytest.mark.parametrize("name", MAPPED)
def test_an_op_becomes_its_counterpart(name: str) -> None:
    function, summary = MAPPED[name]
    assert fused(After(function)).graph.summary() == summary


def test_a_prelu_has_one_slope_per_channel() -> None:
    module = After(lambda y, _: y)
    for slopes in (1, 12):
        act = nn.PReLU(slopes)
        result = fused(nn.Sequential(module.conv, act))
        assert result.graph.tensors["1.alpha"].shape == (1, 1, 12)


def test_the_clip_of_a_network_in_pixels_is_relu_then_minimum() -> None:
    module = After(lambda y, _: F.pixel_shuffle(y, 2).clamp(0, 255))
    result = fused(module, value_range=(0.0, 255.0))
    assert result.graph.summary() == "CONV_2D DEPTH_TO_SPACE RELU MINIMUM"
    assert result.graph.value_range == (0.0, 255.0)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pixel_shuffle_is_one_depth_to_space(scale: int) -> None:
    module = After(lambda y, _: F.pixel_shuffle(y, scale), 3 * scale**2)
    result = fused(module)
    assert result.graph.summary() == "CONV_2D DEPTH_TO_SPACE"
    weight, torch_weight = result.graph.tensors["conv.weight"].data, module.conv.weight.detach().numpy()
    for k in range(scale**2):
        for c in range(3):
            assert (weight[k * 3 + c] == torch_weight[c * scale**2 + k].transpose(1, 2, 0)).all()


ANCHORS: dict[str, Callable[[Tensor], Tensor]] = {
    "repeat_interleave": lambda x: x.repeat_interleave(9, 1),
    "a list of copies": lambda x: torch.stack([x] * 9, 2).flatten(1, 2),
    "concatenated in torch's order": lambda x: torch.cat([x[:, c : c + 1] for c in (0, 1, 2) for _ in range(9)], 1),
    "expand": lambda x: x.unsqueeze(2).expand(-1, -1, 9, -1, -1).reshape(x.shape[0], 27, x.shape[2], x.shape[3]),
}


@pytest.mark.parametrize("name", ANCHORS)
def test_a_nearest_anchor_is_a_one_hot_1x1_convolution_and_one_add(name: str) -> None:
    module = After(lambda y, x: F.pixel_shuffle(y.relu() + ANCHORS[name](x), 3), 27)
    result = fused(module)
    assert result.graph.summary() == "CONV_2D×2 ADD DEPTH_TO_SPACE"
    (anchor,) = [t for t in result.graph.tensors.values() if t.shape == (27, 1, 1, 3)]
    assert anchor.data is not None
    assert set(anchor.data.reshape(-1).tolist()) == {0.0, 1.0}
    # DCR: channel k·3 + c of the anchor is channel c of the image
    assert (anchor.data.reshape(9, 3, 3).argmax(2) == [0, 1, 2]).all()


def test_copies_of_the_image_side_by_side_are_one_selection() -> None:
    result = fused(After(lambda y, x: y.relu() + torch.cat([x] * 9, 1), 27))
    assert result.graph.summary() == "CONV_2D×2 ADD"


def test_what_stands_between_is_reordered_too() -> None:
    slopes = torch.linspace(0.1, 0.9, 12)
    bounds = torch.linspace(0.0, 1.0, 12).view(1, 12, 1, 1)
    module = After(lambda y, _: F.pixel_shuffle(torch.minimum(F.prelu(y, slopes.to(y.dtype)), bounds), 2))
    assert fused(module).graph.summary() == "CONV_2D PRELU MINIMUM DEPTH_TO_SPACE"


SHARED: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str]] = {
    "a concatenation": (
        lambda y, _: F.pixel_shuffle(torch.cat([y.relu(), y.sigmoid()], 1), 2),
        "CONV_2D×2 RELU LOGISTIC CONCATENATION DEPTH_TO_SPACE",
    ),
    "a tensor with another reader": (
        lambda y, _: F.pixel_shuffle(y, 2) + F.pixel_shuffle(y.relu(), 2),
        "CONV_2D×3 DEPTH_TO_SPACE RELU ADD",
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_where_the_order_cannot_pass_a_one_hot_convolution_makes_it(name: str) -> None:
    function, summary = SHARED[name]
    assert sorted(fused(After(function)).graph.summary().split()) == sorted(summary.split())


def test_the_input_itself_can_be_shuffled() -> None:
    assert fused(nn.PixelShuffle(2), channels=12).graph.summary() == "CONV_2D DEPTH_TO_SPACE"


def test_a_global_skip_is_one_add() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.body = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            features = self.stem(x)
            return self.body(features).relu() + features

    graph = fused(Skip()).graph
    assert graph.summary() == "CONV_2D×2 ADD"
    assert [node.op.activation for node in graph.nodes if isinstance(node.op, ops.Conv2D)] == ["NONE", "RELU"]


def test_a_relu_whose_source_has_another_reader_stays() -> None:
    assert fused(After(lambda y, _: y.relu() + y)).graph.summary() == "CONV_2D RELU ADD"


def test_a_module_used_twice_gets_two_names() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.conv(x).relu())

    graph = fused(Twice()).graph
    assert {"conv.weight", "conv_1.weight"} <= set(graph.tensors)


def test_normalized_input_and_output_fold_into_their_neighbors() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1))

    class Normalized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = module

        def forward(self, x: Tensor) -> Tensor:
            return self.body((x - 0.5) / 0.25) * 0.25 + 0.5

    assert fused(Normalized()).graph.summary() == "CONV_2D×2"
