"""What cannot be fused is refused by name, with the user's source line, or left apart with the reason."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from kit.blocks import Network, biased_one_then_three, conv_norm, with_random_statistics
from torch import Tensor, nn

from sr2tflite.errors import InputError, Sr2TfliteError, UnsupportedError, VerificationError
from sr2tflite.fuse import fuse_module


class Then(nn.Module):
    """3×3, some function of two arguments (the features and the image), 3×3."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.function(self.first(x), x))


class Random(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn(1, dtype=x.dtype)


UNSUPPORTED = {
    "abs inside": lambda y, _: y.abs(),
    "softmax": lambda y, _: y.softmax(1),
    "an unlisted function": lambda y, _: torch.special.erf(y),
    "attention by the mean": lambda y, _: y * y.mean((2, 3), keepdim=True),
    "dropout that stays on": lambda y, _: F.dropout(y, 0.5, training=True),
    "batch statistics": lambda y, _: F.batch_norm(y, None, None, training=True),
    "reflected border": lambda y, _: F.avg_pool2d(F.pad(y, (1, 1, 1, 1), "reflect"), 3, 1),
    "a ramp over the image": lambda y, _: y * torch.arange(y.shape[3], dtype=y.dtype),
    "a shift by whole rows": lambda y, _: y.roll(1, 2),
    "transposed image": lambda y, _: y.flip(3),
    "max pooling": lambda y, _: F.max_pool2d(y, 3, 1, 1),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_no_convolution_and_no_op_is_refused_with_the_source_line(name: str) -> None:
    with pytest.raises(UnsupportedError) as refusal:
        fuse_module(Then(UNSUPPORTED[name]), source="net")
    assert "test_refusals.py" in str(refusal.value.where)


def test_the_reason_is_part_of_the_refusal() -> None:
    with pytest.raises(UnsupportedError, match=r"special_erf .* not affine"):
        fuse_module(Then(lambda y, _: torch.special.erf(y)), source="net")
    with pytest.raises(UnsupportedError, match="random"):
        fuse_module(Random(), source="net")


STRIDES: dict[str, Callable[[], nn.Module]] = {
    "an even kernel": lambda: nn.Conv2d(3, 8, 4, stride=2, padding=1),
    "stride 3": lambda: nn.Conv2d(3, 8, 3, stride=3, padding=1),
    "too much padding": lambda: nn.Conv2d(3, 8, 3, stride=2, padding=2),
    "frames of its own": lambda: nn.Conv2d(3, 8, 3, padding=2),
}


@pytest.mark.parametrize("name", STRIDES)
def test_padding_that_tflite_does_not_have_at_every_size_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedError, match=r"convolution with stride \(., .\); expected none, or what SAME has"):
        fuse_module(nn.Sequential(STRIDES[name](), nn.ReLU(), nn.Conv2d(8, 3, 1)), source="net")


TRANSPOSED: dict[str, Callable[[], nn.Module]] = {
    "one row too few": lambda: nn.ConvTranspose2d(3, 3, 3, stride=2, padding=1),
    "a frame around": lambda: nn.ConvTranspose2d(3, 3, 4, stride=2),
    "two strides": lambda: nn.ConvTranspose2d(3, 3, (4, 3), stride=(2, 1), padding=1),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_a_transposed_convolution_of_another_size_is_refused_with_sizes_and_a_hint(name: str) -> None:
    with pytest.raises(UnsupportedError, match=r"makes \d+×\d+ out of 17×19; expected") as refusal:
        fuse_module(TRANSPOSED[name](), source="net")
    assert "output_padding" in str(refusal.value.hint)


def test_a_region_with_a_stride_and_a_repeat_inside_is_no_convolution() -> None:
    module = Then(
        lambda y, _: y[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, : y.shape[2], : y.shape[3]]
    )
    with pytest.raises(UnsupportedError, match="not shift-invariant anywhere"):
        fuse_module(module, source="net")


def test_images_that_see_each_other_do_not_pass() -> None:
    with pytest.raises(VerificationError, match="differ by"):
        fuse_module(Then(lambda y, _: y - y.mean(0, keepdim=True)), source="net")


class BySize(nn.Module):
    """One thing for small images, another for large ones."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x) if x.shape[2] > 10 else x * 2


class ByWidth(nn.Module):
    """Pixels scaled by the image's width."""

    def forward(self, x: Tensor) -> Tensor:
        return (x / x.shape[3]).relu()


@pytest.mark.parametrize("module", [BySize(), ByWidth()], ids=["other ops", "other constants"])
def test_what_depends_on_the_size_does_not_pass_and_is_named(module: nn.Module) -> None:
    with pytest.raises(VerificationError, match=r"depends on the image's size: .*test_refusals.py.* at 9×13"):
        fuse_module(module, source="net")


def test_half_precision_inside_does_not_pass() -> None:
    with pytest.raises(Sr2TfliteError):
        fuse_module(Then(lambda y, _: y.to(torch.float16).to(y.dtype)), source="net")


class Fails(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.zeros(5, 5, dtype=x.dtype)


class TwoImages(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x + 1, x + 2


def test_a_module_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="refuses an input of shape"):
        fuse_module(Fails(), source="net")
    with pytest.raises(UnsupportedError, match="returns a tuple"):
        fuse_module(TwoImages(), source="net")
    with pytest.raises(UnsupportedError, match="the input itself"):
        fuse_module(nn.Identity(), source="net")
    with pytest.raises(UnsupportedError, match="unchanged"):
        fuse_module(nn.Sequential(nn.Dropout(), nn.Flatten(0, 0)), source="net")


def test_a_biased_1x1_before_a_zero_padded_3x3_is_found_and_left_as_two() -> None:
    fused = fuse_module(nn.Sequential(biased_one_then_three(6, bias=True), nn.ReLU()), channels=6, source="net")
    (left,) = fused.certificate.left
    assert fused.graph.summary() == "CONV_2D×2"
    assert "not shift-invariant at the border" in left.reason
    assert (left.name, left.entry) == ("0", "input")


def test_batch_norm_before_a_zero_padded_convolution_is_left_apart() -> None:
    module = with_random_statistics(nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1)))
    fused = fuse_module(module, channels=4, source="net")
    assert fused.graph.summary() == "MUL ADD CONV_2D"
    assert "at the border" in fused.certificate.left[0].reason


def test_a_stem_and_a_block_deviate_together_and_are_exact_apart() -> None:
    stem_then_block = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), conv_norm(8, 8, 3), nn.ReLU())
    fused = fuse_module(with_random_statistics(stem_then_block), source="net")
    assert fused.graph.summary() == "CONV_2D×2"
    assert [entry.macs_after for entry in fused.certificate.collapsed] == [216, 576]
    assert any("at the border" in left.reason for left in fused.certificate.left)


def test_without_any_bias_two_zero_padded_convolutions_still_stay_apart() -> None:
    pair = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1, bias=False), nn.Conv2d(1, 12, 3, padding=1, bias=False))
    fused = fuse_module(pair, source="net")
    assert fused.graph.summary() == "CONV_2D×2"


def test_a_collapse_that_would_cost_more_is_left() -> None:
    low_rank = nn.Sequential(nn.Conv2d(16, 2, 3, padding=1, bias=False), nn.Conv2d(2, 16, 1))
    fused = fuse_module(nn.Sequential(low_rank, nn.ReLU()), channels=16, source="net")
    assert fused.graph.summary() == "CONV_2D×2"
    assert "would cost 2304 MACs per pixel; the region costs 320" in fused.certificate.left[0].reason


def test_the_users_module_is_not_touched() -> None:
    module = Network(channels=4).train()
    fuse_module(module, source="net")
    assert module.training
    assert module.stem.weight.dtype == torch.float32
