"""A shuffle is one DEPTH_TO_SPACE however it is written, and its channel order lies in the weights."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from kit.fusing import After, fused
from torch import Tensor, nn

from sr2tflite.errors import UnsupportedError
from sr2tflite.fuse import fuse_module


def crd(y: Tensor, r: int) -> Tensor:
    b, c, h, w = y.shape
    split = y.view(b, c // r**2, r, r, h, w).permute(0, 1, 4, 2, 5, 3)
    return split.reshape(b, c // r**2, h * r, w * r)


def dcr(y: Tensor, r: int) -> Tensor:
    b, c, h, w = y.shape
    split = y.reshape(b, r, r, c // r**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return split.contiguous().view(b, c // r**2, h * r, w * r)


def columns_first(y: Tensor, r: int) -> Tensor:
    b, c, h, w = y.shape
    split = y.reshape(b, r, c // r**2, r, h, w).permute(0, 2, 4, 3, 5, 1)
    return split.reshape(b, c // r**2, h * r, w * r)


def by_transposes(y: Tensor, r: int) -> Tensor:
    split = y.unflatten(1, (y.shape[1] // r**2, r, r)).transpose(3, 4).transpose(2, 3)  # b, C, h, i, j, w
    return split.transpose(4, 5).flatten(2, 3).flatten(3, 4).clone()


def channels_last(y: Tensor, r: int) -> Tensor:
    """As a TensorFlow author writes it."""
    b, c, h, w = y.shape
    nhwc = y.permute(0, 2, 3, 1).reshape(b, h, w, r, r, c // r**2)
    return nhwc.permute(0, 1, 3, 2, 4, 5).reshape(b, h * r, w * r, c // r**2).permute(0, 3, 1, 2)


def by_assignment(y: Tensor, r: int) -> Tensor:
    b, c, h, w = y.shape
    out = y.new_zeros(b, c // r**2, h * r, w * r)
    for i in range(r):
        for j in range(r):
            out[:, :, i::r, j::r] = y[:, i * r + j :: r**2]
    return out


SHUFFLES: dict[str, Callable[[Tensor, int], Tensor]] = {
    f.__name__.replace("_", " "): f for f in (crd, dcr, columns_first, by_transposes, channels_last, by_assignment)
}


@pytest.mark.parametrize("block", [2, 3, 4])
@pytest.mark.parametrize("name", SHUFFLES)
def test_a_hand_written_shuffle_is_one_depth_to_space(name: str, block: int) -> None:
    result = fused(After(lambda y, _: SHUFFLES[name](y, block), 3 * block**2))
    assert result.graph.summary() == "CONV_2D DEPTH_TO_SPACE"
    assert "conv.weight" in result.graph.tensors


def test_the_order_of_the_file_leaves_the_weights_as_they_are() -> None:
    module = After(lambda y, _: dcr(y, 2))
    weight = fused(module).graph.tensors["conv.weight"].data
    assert (weight == module.conv.weight.detach().numpy().transpose(0, 2, 3, 1)).all()


def test_the_order_passes_activations_and_an_anchor() -> None:
    module = After(lambda y, x: crd(F.relu(y) + x.repeat_interleave(9, 1), 3).clamp(0, 255), 27)
    assert fused(module, value_range=(0.0, 255.0)).graph.summary() == "CONV_2D×2 ADD DEPTH_TO_SPACE RELU MINIMUM"


def test_two_shuffles_in_a_row_are_one() -> None:
    result = fused(After(lambda y, _: F.pixel_shuffle(crd(y, 2), 2), 48))
    assert result.graph.summary() == "CONV_2D DEPTH_TO_SPACE"
    assert result.graph.scale_factor == 4


@settings(max_examples=12, derandomize=True)
@given(data=st.data(), block=st.integers(2, 4), channels=st.integers(1, 3))
def test_any_channel_order_is_folded_into_the_convolution(data: st.DataObject, block: int, channels: int) -> None:
    order = data.draw(st.permutations(range(channels * block**2)))
    module = After(lambda y, _: F.pixel_shuffle(y[:, list(order)], block), channels * block**2)
    assert fused(module).graph.summary() == "CONV_2D DEPTH_TO_SPACE"


NEAREST: dict[str, Callable[[Tensor], Tensor]] = {
    "interpolate": lambda x: F.interpolate(x, scale_factor=3, mode="nearest"),
    "nearest-exact": lambda x: F.interpolate(x, scale_factor=3.0, mode="nearest-exact"),
    "nn.Upsample": nn.Upsample(scale_factor=3),
    "to a size": lambda x: F.interpolate(x, size=(3 * x.shape[2], 3 * x.shape[3])),
    "repeat_interleave": lambda x: x.repeat_interleave(3, 2).repeat_interleave(3, 3),
    "expand": lambda x: x[:, :, :, None, :, None].expand(-1, -1, -1, 3, -1, 3).flatten(2, 3).flatten(3, 4),
    "repeated channels, shuffled": lambda x: F.pixel_shuffle(x.repeat_interleave(9, 1), 3),
}


@pytest.mark.parametrize("name", NEAREST)
def test_a_nearest_enlargement_is_a_one_hot_convolution_and_depth_to_space(name: str) -> None:
    graph = fused(After(lambda _, x: NEAREST[name](x))).graph
    assert graph.summary() == "CONV_2D DEPTH_TO_SPACE"
    (weight,) = [t.data for t in graph.tensors.values() if t.shape == (27, 1, 1, 3)]
    assert weight is not None
    assert (weight.reshape(9, 3, 3) == torch.eye(3).numpy()).all()


def unshuffled_by_hand(x: Tensor, r: int) -> Tensor:
    b, c, h, w = x.shape
    split = x.view(b, c, h // r, r, w // r, r).permute(0, 5, 1, 3, 2, 4)
    return split.reshape(b, c * r**2, h // r, w // r)


class Unshuffled(nn.Module):
    """Pixels to channels, 3×3, ReLU, 3×3, and twice as large in the end."""

    def __init__(self, block: int, unshuffle: Callable[[Tensor, int], Tensor], after_relu: bool = False) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3 * block**2, 8, 3, padding=1), nn.Conv2d(8, 12 * block**2, 3, padding=1)
        self.block, self.unshuffle, self.after_relu = block, unshuffle, after_relu

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.first(self.unshuffle(x.relu() if self.after_relu else x, self.block)))
        return F.pixel_shuffle(self.last(y), 2 * self.block)


@pytest.mark.parametrize("unshuffle", [F.pixel_unshuffle, unshuffled_by_hand], ids=["torch", "by hand"])
def test_an_unshuffle_by_2_and_a_3x3_are_one_6x6_with_stride_2_for_the_same_multiplications(
    unshuffle: Callable[[Tensor, int], Tensor],
) -> None:
    result = fuse_module(Unshuffled(2, unshuffle), source="net")
    assert result.graph.summary() == "CONV_2D×2 DEPTH_TO_SPACE"
    assert result.graph.tensors["first.weight"].shape == (8, 6, 6, 3)
    entry = result.certificate.collapsed[0]
    assert entry.macs_after == entry.macs_before
    assert result.graph.scale_factor == 2
    assert {check.size for check in result.certificate.checks} == {(18, 26), (36, 24), (4, 6)}


@pytest.mark.parametrize("block", [3, 4])
def test_larger_unshuffles_are_a_one_hot_convolution_of_their_own(block: int) -> None:
    graph = fuse_module(Unshuffled(block, F.pixel_unshuffle), source="net").graph
    assert graph.summary() == "CONV_2D×3 DEPTH_TO_SPACE"
    (weight,) = [t.data for t in graph.tensors.values() if t.shape == (3 * block**2, block, block, 3)]
    assert weight is not None
    assert set(weight.reshape(-1).tolist()) == {0.0, 1.0}
    assert (weight.sum((1, 2, 3)) == 1).all()
    assert graph.scale_factor == 2


REFUSED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "blocks side by side": lambda y, _: (
        crd(y, 2).reshape(y.shape[0], 3, 2, y.shape[2], -1).transpose(2, 3).reshape_as(crd(y, 2))
    ),
    "wider only": lambda y, _: y.repeat_interleave(2, 3),
    "tiled": lambda y, _: y.repeat(1, 1, 2, 2),
    "one and a half times": lambda y, _: F.interpolate(y, scale_factor=1.5),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_movements_are_refused_with_the_source_line(name: str) -> None:
    with pytest.raises(UnsupportedError) as refusal:
        fuse_module(After(REFUSED[name]), source="net")
    assert "fusing.py:" in str(refusal.value.where)
