"""What fusing makes of strides, transposed convolutions, anchors and groups runs on integers as the device runs it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr2tflite.fuse import fuse_module
from sr2tflite.graph import tflite
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT


class Around(nn.Module):
    """A function of two convolutions, with ReLU between them, and of the image; clipped to pixels."""

    def __init__(self, first: nn.Module, last: nn.Module, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last, self.function = first, last, function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.last(F.relu(self.first(x))), x).clamp(0, 255)


def three(inputs: int, outputs: int, **settings: int) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 3, padding=1, **settings)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "down by two, up by six": lambda: Around(three(3, 8, stride=2), three(8, 108), lambda y, _: F.pixel_shuffle(y, 6)),
    "transposed convolution": lambda: Around(
        three(3, 8), nn.ConvTranspose2d(8, 3, 9, stride=3, padding=4, output_padding=2), lambda y, _: y
    ),
    "nearest anchor": lambda: Around(
        three(3, 8), three(8, 27), lambda y, x: F.pixel_shuffle(y, 3) + F.interpolate(x, scale_factor=3)
    ),
    "groups": lambda: Around(
        nn.Sequential(three(3, 16), nn.ReLU(), three(16, 16, groups=4)),
        three(16, 27),
        lambda y, _: F.pixel_shuffle(y, 3),
    ),
    "unshuffle": lambda: Around(
        nn.Sequential(nn.PixelUnshuffle(2), three(12, 8)), three(8, 48), lambda y, _: F.pixel_shuffle(y, 4)
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_integers_of_the_view_are_those_of_the_file_at_odd_and_even_sizes(name: str) -> None:
    multiple = 2 if name == "unshuffle" else 1
    graph = fuse_module(NETWORKS[name](), value_range=(0.0, 255.0), source="net").graph
    rng = np.random.default_rng(0)

    def image(height: int, width: int) -> np.ndarray:
        return rng.integers(0, 256, (height * multiple, width * multiple, 3), np.uint8)

    with torch.no_grad():
        view = QuantizedView.from_float(graph, [image(22, 18) for _ in range(2)])
    device = LiteRT(tflite.write(view.freeze()))
    for size in ((9, 13), (16, 17), (1, 2), (30, 20)):
        x = image(*size)
        codes = device.run((x.astype(np.int16) - 128).astype(np.int8)[None])[0]
        assert np.array_equal(view.upscale(x), (codes.astype(np.int16) + 128).astype(np.uint8))
