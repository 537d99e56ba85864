"""Every published block becomes one convolution, exact in interior, border and corners, without code of its own."""

from collections.abc import Callable

import pytest
import torch
from kit import blocks
from kit.blocks import Network, with_random_statistics
from torch import nn

from sr2tflite.fuse import Fused, fuse_module
from sr2tflite.fuse.verify import SIZES
from sr2tflite.torch_view import FloatView

C = 6
ONE_CONVOLUTION: dict[str, Callable[[], nn.Module]] = {
    "MobileOne": lambda: blocks.mobile_one(C),
    "RepVGG": lambda: blocks.rep_vgg(C),
    "ACNet": lambda: blocks.ac_net(C),
    "ECB": lambda: blocks.ecb(C, C),
    "ECB that widens": lambda: blocks.ecb(C, 9),
    "DBB": lambda: blocks.dbb(C),
    "RepSR": lambda: blocks.rep_sr(C),
    "SESR": lambda: blocks.sesr(C),
    "AntSR": lambda: blocks.ant_sr(C),
    "3×3 then 1×1": lambda: blocks.three_then_one(C),
    "bias-free 1×1 then 3×3": lambda: blocks.biased_one_then_three(C, bias=False),
    "5×5 beside a dilated 3×3": lambda: blocks.Sum(
        nn.Conv2d(C, C, 5, padding=2), nn.Conv2d(C, C, 3, padding=2, dilation=2), relu=False
    ),
    "11×11": lambda: nn.Sequential(nn.Conv2d(C, C, 11, padding=5), nn.BatchNorm2d(C)),
    "19×1, wider than the first capture": lambda: nn.Sequential(
        nn.Conv2d(C, C, (19, 1), padding=(9, 0)), nn.BatchNorm2d(C)
    ),
}


def fused(module: nn.Module, channels: int = C) -> Fused:
    return fuse_module(with_random_statistics(module), channels=channels, source="net")


def assert_equal_at_odd_sizes(module: nn.Module, result: Fused, channels: int = C) -> None:
    """The float32 graph and the module, at sizes the proof did not use."""
    for height, width in ((1, 1), (5, 7), (31, 11)):
        x = torch.rand(3, channels, height, width)
        with torch.no_grad():
            want, got = module(x), FloatView(result.graph)(x)
        assert float((want - got).abs().max()) <= 2e-5 * float(want.abs().max())


@pytest.mark.parametrize("name", ONE_CONVOLUTION)
def test_a_block_becomes_one_convolution(name: str) -> None:
    module = ONE_CONVOLUTION[name]()
    result = fused(module)
    assert result.graph.summary() in ("CONV_2D", "CONV_2D PRELU")
    assert not result.certificate.left
    (entry,) = result.certificate.collapsed
    assert entry.form == "convolution"
    assert entry.macs_after <= entry.macs_before
    assert max(entry.delta.interior, entry.delta.border, entry.delta.corners) < 1e-8
    assert_equal_at_odd_sizes(module, result)


@pytest.mark.parametrize("name", ["MobileOne", "ECB", "DBB", "SESR"])
def test_a_network_of_blocks_has_one_convolution_per_block_under_the_users_names(name: str) -> None:
    module = Network(ONE_CONVOLUTION[name](), ONE_CONVOLUTION[name](), channels=C)
    result = fused(module, channels=3)
    counts = result.graph.counts()
    assert (counts["CONV_2D"], counts["ADD"], counts["DEPTH_TO_SPACE"], counts["RELU_0_TO_1"]) == (4, 1, 1, 1)
    weights = [tensor for tensor in result.graph.tensors if tensor.endswith(".weight")]
    assert [weight.split(".")[0] for weight in weights] == ["stem", "blocks", "blocks", "tail"]
    assert_equal_at_odd_sizes(module, result, channels=3)


def test_a_block_keeps_its_kernel_size_and_names() -> None:
    result = fused(blocks.rep_vgg(C))
    (entry,) = result.certificate.collapsed
    assert entry.kernel == (3, 3)
    assert (entry.macs_before, entry.macs_after) == (10 * C * C, 9 * C * C)
    assert result.graph.tensors["output"].shape == (1, None, None, C)


def test_the_waist_of_two_wide_pairs_stays_narrow() -> None:
    pairs = nn.Sequential(
        nn.Conv2d(4, 32, 3, padding=1, bias=False),
        nn.Conv2d(32, 4, 1, bias=False),
        nn.Conv2d(4, 32, 3, padding=1, bias=False),
        nn.Conv2d(32, 4, 1, bias=False),
    )
    result = fused(pairs, channels=4)
    assert [entry.macs_after for entry in result.certificate.collapsed] == [144, 144]


def test_a_depthwise_pair_stays_depthwise() -> None:
    module = nn.Sequential(blocks.conv_norm(C, C, 3, groups=C), nn.ReLU(), blocks.conv_norm(C, C, 1), nn.ReLU())
    result = fused(module)
    assert result.graph.summary() == "DEPTHWISE_CONV_2D CONV_2D"
    assert_equal_at_odd_sizes(module, result)


def test_grouped_and_dilated_convolutions_keep_groups_and_dilation() -> None:
    module = nn.Sequential(blocks.conv_norm(C, C, 3, groups=2, padding=2, dilation=2), nn.ReLU())
    result = fused(module)
    (entry,) = result.certificate.collapsed
    assert entry.macs_after == entry.macs_before == 9 * C * C // 2
    assert_equal_at_odd_sizes(module, result)


@pytest.mark.parametrize("kernel", [2, (4, 1), (3, 2)])
def test_an_even_same_padded_convolution_stays_even(kernel: int | tuple[int, int]) -> None:
    same = nn.Conv2d(C, C, kernel, padding="same")
    assert fused(nn.Sequential(same, nn.ReLU())).certificate.collapsed[0].form == "copied"
    module = nn.Sequential(same, nn.BatchNorm2d(C))
    result = fused(module)
    (entry,) = result.certificate.collapsed
    assert entry.macs_after == entry.macs_before
    assert_equal_at_odd_sizes(module, result)


def test_a_kernel_made_from_parameters_is_a_constant() -> None:
    class Made(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows, self.columns = nn.Parameter(torch.randn(4, 3, 3, 1)), nn.Parameter(torch.randn(4, 3, 1, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.conv2d(x, self.rows * self.columns.softmax(3), padding=1)

    module = Made()
    result = fused(module, channels=3)
    assert result.graph.summary() == "CONV_2D"
    assert_equal_at_odd_sizes(module, result, channels=3)


def test_the_proof_uses_odd_non_square_and_tiny_sizes_in_both_dtypes() -> None:
    checks = fused(blocks.rep_vgg(C)).certificate.checks
    assert [(check.dtype, check.size) for check in checks] == [
        (dtype, size) for dtype in ("float64", "float32") for size in SIZES
    ]
    assert all(check.passed for check in checks)
