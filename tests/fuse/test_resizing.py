"""What enlarges by a whole factor is a convolution and DEPTH_TO_SPACE; a stride is one strided convolution."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch.nn.functional as F
from hypothesis import given, settings
from kit.blocks import with_random_statistics
from kit.fusing import After, fused
from torch import Tensor, nn

from sr2tflite.errors import UnsupportedError
from sr2tflite.fuse import fuse_module
from sr2tflite.graph import ops
from sr2tflite.torch_view import same_padding

TRANSPOSED: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
    "FSRCNN ×3": (lambda: nn.ConvTranspose2d(5, 3, 9, stride=3, padding=4, output_padding=2), (4, 4)),
    "FSRCNN ×2": (lambda: nn.ConvTranspose2d(5, 3, 9, stride=2, padding=4, output_padding=1), (5, 5)),
    "FSRCNN ×4": (lambda: nn.ConvTranspose2d(5, 3, 9, stride=4, padding=4, output_padding=3), (3, 3)),
    "4×4 with stride 2": (lambda: nn.ConvTranspose2d(5, 3, 4, stride=2, padding=1), (3, 3)),
    "a kernel as large as the stride": (lambda: nn.ConvTranspose2d(5, 3, 2, stride=2), (1, 1)),
    "a kernel smaller than the stride": (lambda: nn.ConvTranspose2d(5, 3, 2, stride=3, output_padding=1), (1, 1)),
    "without bias": (lambda: nn.ConvTranspose2d(5, 3, 6, stride=2, padding=2, bias=False), (3, 3)),
    "grouped": (lambda: nn.ConvTranspose2d(6, 6, 4, stride=2, padding=1, groups=3), (3, 3)),
    "cropped at its rim": (lambda: nn.Sequential(nn.ConvTranspose2d(5, 3, 4, stride=2), Cropped()), (3, 3)),
}


class Cropped(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 1:-1, 1:-1]


@pytest.mark.parametrize("name", TRANSPOSED)
def test_a_transposed_convolution_is_a_convolution_and_depth_to_space(name: str) -> None:
    make, kernel = TRANSPOSED[name]
    module = make()
    channels = 6 if name == "grouped" else 5
    graph = fused(module, channels=channels).graph
    assert graph.summary() == "CONV_2D DEPTH_TO_SPACE"
    (weight,) = [t.shape for name, t in graph.tensors.items() if name.endswith("weight")]
    assert weight[1:] == (*kernel, channels)


@settings(max_examples=20, derandomize=True)
@given(stride=st.integers(2, 4), data=st.data(), channels=st.integers(1, 3))
def test_any_transposed_convolution_that_enlarges_by_its_stride_is_exact(
    stride: int, data: st.DataObject, channels: int
) -> None:
    added = data.draw(st.tuples(*[st.integers(0, stride - 1)] * 2), "output_padding")
    padding = [data.draw(st.integers(max(0, -(-(extra - stride + 1) // 2)), 3)) for extra in added]
    kernel = [stride + 2 * p - extra for p, extra in zip(padding, added, strict=True)]
    module = nn.ConvTranspose2d(channels, 2, kernel, stride, padding, added)
    graph = fused(module, channels=channels).graph
    assert graph.summary().split()[-1] == "DEPTH_TO_SPACE"
    assert graph.scale_factor == stride


def test_a_transposed_convolution_with_stride_1_is_a_convolution() -> None:
    graph = fused(nn.ConvTranspose2d(3, 5, 3, padding=1)).graph
    assert graph.summary() == "CONV_2D"


def test_a_norm_behind_a_transposed_convolution_goes_into_it() -> None:
    module = nn.Sequential(nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU())
    assert fused(with_random_statistics(module)).graph.summary() == "CONV_2D DEPTH_TO_SPACE RELU"


def enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


SUMS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str]] = {
    "SRVGG": (
        lambda y, x: F.pixel_shuffle(F.relu(y), 2) + enlarged(x),
        "CONV_2D×2 ADD DEPTH_TO_SPACE",
    ),
    "a difference": (
        lambda y, x: enlarged(x) - F.pixel_shuffle(F.relu(y), 2),
        "CONV_2D×2 SUB DEPTH_TO_SPACE",
    ),
    "three": (
        lambda y, x: F.pixel_shuffle(F.relu(y), 2) + enlarged(x) + F.pixel_shuffle(y.sigmoid(), 2),
        "CONV_2D×4 RELU LOGISTIC ADD×2 DEPTH_TO_SPACE",
    ),
    "clipped behind": (
        lambda y, x: (F.pixel_shuffle(F.relu(y), 2) + enlarged(x)).clamp(0, 1),
        "CONV_2D×2 ADD DEPTH_TO_SPACE RELU_0_TO_1",
    ),
    "one part read elsewhere": (
        lambda y, x: F.pixel_shuffle(F.relu(y), 2) * (z := enlarged(x.relu())) + z,
        "CONV_2D×2 RELU DEPTH_TO_SPACE×2 MUL ADD",
    ),
    "an activation between": (
        lambda y, x: F.pixel_shuffle(y, 2).sigmoid() + enlarged(x.relu()),
        "CONV_2D×2 RELU DEPTH_TO_SPACE×2 LOGISTIC ADD",
    ),
    "shuffled, then enlarged": (
        lambda y, x: enlarged(F.pixel_shuffle(F.relu(y), 2)) + F.interpolate(x, scale_factor=4),
        "CONV_2D×3 ADD DEPTH_TO_SPACE",
    ),
}


@pytest.mark.parametrize("name", SUMS)
def test_a_sum_of_shuffled_images_is_taken_before_the_shuffle(name: str) -> None:
    function, summary = SUMS[name]
    graph = fused(After(function)).graph
    assert sorted(graph.summary().split()) == sorted(summary.split())


def test_an_anchor_around_linear_layers_is_one_convolution() -> None:
    graph = fused(After(lambda y, x: F.pixel_shuffle(y, 2) + enlarged(x))).graph
    assert graph.summary() == "CONV_2D DEPTH_TO_SPACE"


def test_a_convolution_behind_an_enlargement_moves_before_it_where_that_costs_nothing() -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1)
    fused_ = fused(nn.Sequential(nn.Upsample(scale_factor=2), conv, nn.ReLU()))
    assert fused_.graph.summary() == "CONV_2D DEPTH_TO_SPACE RELU"
    (entry,) = fused_.certificate.collapsed
    assert entry.macs_after == entry.macs_before == 4 * 9 * 3 * 4


def test_a_convolution_behind_a_shuffle_stays_behind_it() -> None:
    conv = nn.Conv2d(3, 3, 3, padding=1)
    module = After(lambda y, _: y)
    graph = fused(nn.Sequential(module.conv, nn.PixelShuffle(2), conv)).graph
    assert [node.op.kind for node in graph.nodes] == ["CONV_2D", "DEPTH_TO_SPACE", "CONV_2D"]


STRIDED: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
    "3×3": (lambda: nn.Conv2d(3, 8, 3, stride=2, padding=1), (4, 4)),
    "3×3, norm": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)),
        (4, 4),
    ),
    "5×5": (lambda: nn.Conv2d(3, 8, 5, stride=2, padding=2), (6, 6)),
    "7×3": (lambda: nn.Conv2d(3, 8, (7, 3), stride=2, padding=(3, 1)), (8, 4)),
    "1×1": (lambda: nn.Conv2d(3, 8, 1, stride=2), (1, 1)),
    "1×1 with stride 3": (lambda: nn.Conv2d(3, 8, 1, stride=3), (1, 1)),
    "padded before": (lambda: nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(3, 8, 3, stride=2)), (4, 4)),
    "padded as TFLite pads odd sizes": (
        lambda: nn.Sequential(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(3, 8, 4, stride=2)),
        (4, 4),
    ),
    "padded behind": (lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 8, 2, stride=2)), (2, 2)),
    "two branches": (lambda: Branches(), (4, 4)),
    "grouped": (lambda: nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2), (4, 4)),
}


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.three, self.one = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(3, 8, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.three(x) + self.one(x)


@pytest.mark.parametrize("name", STRIDED)
def test_a_strided_convolution_keeps_its_place_at_odd_and_even_sizes(name: str) -> None:
    make, kernel = STRIDED[name]
    result = fused(nn.Sequential(with_random_statistics(make()), nn.ReLU()), channels=6 if name == "grouped" else 3)
    (node,) = result.graph.nodes
    assert isinstance(node.op, ops.Conv2D)
    assert node.op.stride == ((3, 3) if name.endswith("3") and name.startswith("1×1 with") else (2, 2))
    assert result.graph.tensors[node.inputs[1]].shape[1:3] == kernel


def test_every_second_pixel_is_a_depthwise_convolution() -> None:
    assert fused(After(lambda y, _: y.relu()[:, :, ::2, ::2])).graph.summary() == "CONV_2D DEPTHWISE_CONV_2D"


def test_an_even_window_with_stride_2_is_padded_alike_at_every_size() -> None:
    for kernel in (2, 4, 6, 8):
        assert {same_padding(size, kernel, 2, 1)[0] for size in range(1, 40)} == {kernel // 2 - 1}


def test_down_by_two_and_up_by_six_is_the_network_of_bicubic_plus_plus() -> None:
    class BicubicPlusPlus(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.last = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.Conv2d(8, 108, 3, 1, 1, bias=False)
            self.middle = nn.ModuleList(nn.Conv2d(8, 8, 3, 1, 1, bias=False) for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            first = y = F.leaky_relu(self.down(x), 0.1)
            for conv in self.middle:
                y = F.leaky_relu(conv(y), 0.1)
            return F.pixel_shuffle(self.last(y + first), 6)

    graph = fuse_module(BicubicPlusPlus(), source="net").graph
    assert graph.summary() == "CONV_2D×4 LEAKY_RELU×3 ADD DEPTH_TO_SPACE"


PADDED: dict[str, Callable[[], nn.Module]] = {
    "symmetric": lambda: nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(3, 8, 3)),
    "asymmetric": lambda: nn.Sequential(nn.ZeroPad2d((2, 0, 1, 1)), nn.Conv2d(3, 8, 3)),
    "more behind": lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 1, 2)), nn.Conv2d(3, 8, (4, 2))),
    "half before, half inside": lambda: nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(3, 8, 5, padding=1)),
    "too much, cropped": lambda: nn.Sequential(nn.Conv2d(3, 8, 3, padding=2), Cropped()),
}


@pytest.mark.parametrize("name", PADDED)
def test_zeros_padded_before_a_convolution_are_its_padding(name: str) -> None:
    assert fused(nn.Sequential(PADDED[name](), nn.ReLU())).graph.summary() == "CONV_2D"


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_other_padding_is_refused_with_a_hint(mode: str) -> None:
    conv = nn.Conv2d(3, 8, 3, padding=1, padding_mode=mode)
    with pytest.raises(UnsupportedError, match="border") as refusal:
        fuse_module(conv, source="net")
    assert "zeros" in str(refusal.value.hint)
