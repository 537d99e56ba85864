"""What rounding and clipping an activation costs in the output, channel by channel, measured on images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.graph import Graph
from sr2tflite.quant.ranges import middle
from sr2tflite.torch_view import FloatView

_OCTAVES = 48
_SMALLEST = -24
"""Magnitudes are told apart from 2^−24 to 2^24, in pixels."""

_BINS = 16
"""Per octave: a bin is 4 % wide."""

WHOLE = 2.0**-10
"""What is as near as this to a whole number is one: pixels that went through weights of 0 and 1, and ReLU's zeros."""


@dataclass(frozen=True)
class Tail:
    """How much lies beyond a magnitude."""

    sums: Tensor
    """``Σ g²·xᵏ`` over the values x of each bin and beyond, k = 0, 1, 2: 3 × channels × bins, per input pixel."""

    def cost(self, end: Tensor) -> Tensor:
        """``Σ g²·max(x − h, 0)²`` of each channel, what clipping to h costs.

        Args:
            end: h ≥ 0, one per channel.
        """
        count, first, second = self.sums.gather(2, _bin(end.detach()).expand(3, -1)[..., None])[..., 0]
        cost: Tensor = second - 2 * end * first + end.square() * count
        return cost


@dataclass(frozen=True)
class Moments:
    """What is known of a float activation, per channel, float64."""

    high: Tensor
    low: Tensor
    variance: Tensor
    sensitivity: Tensor
    """``J = Σ g²`` per input pixel, g the gradient of the output; whole numbers are exact and do not count."""

    above: Tail
    below: Tail


@torch.enable_grad()
def measured_moments(graph: Graph, images: Sequence[NDArray[np.uint8]]) -> dict[str, Moments]:
    """The moments of every activation on the middles of some images.

    Gradients come from one backward pass per image: the squared gradient of ``Σ r·output`` with random signs r is, in
    the mean, the sum of the squared gradients of all outputs.

    Args:
        graph: A float graph in pixel units.
        images: Low-resolution images, uint8, height × width × 3.
    """
    view, signs = FloatView(graph), torch.Generator().manual_seed(0)
    found: dict[str, Seen] = {}
    for image in images:
        pixels = middle(image)
        values = view.activations(pixels.requires_grad_())
        output = values[graph.output.name]
        random = torch.randint(0, 2, output.shape, generator=signs).float() * 2 - 1
        gradients = torch.autograd.grad((output * random).sum(), list(values.values()), allow_unused=True)
        for (name, value), gradient in zip(values.items(), gradients, strict=True):
            squared = torch.zeros_like(value) if gradient is None else gradient.square()
            found.setdefault(name, Seen(value.shape[1])).add(value.detach(), squared, pixels[0, 0].numel())
    return {name: seen.moments() for name, seen in found.items()}


class Seen:
    """The sums behind the moments of one activation."""

    def __init__(self, channels: int) -> None:
        self._high, self._low = torch.zeros(2, channels, dtype=torch.float64)
        self._sums = torch.zeros(4, channels, dtype=torch.float64)
        self._pixels = 0
        self._counts = torch.zeros(2, channels, _OCTAVES * _BINS, dtype=torch.float64)

    def add(self, value: Tensor, squared: Tensor, pixels: int) -> None:
        """Count one image.

        Args:
            value: 1 × channels × height × width.
            squared: Squared gradients, likewise.
            pixels: Of the network's input.
        """
        value, squared = value[0].flatten(1), squared[0].flatten(1)
        channels, count = value.shape
        self._high, self._low = (torch.maximum(self._high, value.amax(1)), torch.minimum(self._low, value.amin(1)))
        fractional = (squared * ((value - value.round()).abs() > WHOLE)).double()
        sums = [torch.full((channels,), float(count)), value.double().sum(1), value.double().square().sum(1)]
        self._sums += torch.stack([*sums, fractional.sum(1)])
        row = (value < 0) * channels + torch.arange(channels)[:, None]
        places = row * (_OCTAVES * _BINS) + _bin(value.abs())
        counted = torch.bincount(places.flatten(), squared.double().flatten(), self._counts.numel())
        self._pixels += pixels
        self._counts += counted.reshape(self._counts.shape)

    def moments(self) -> Moments:
        """Of all that was counted."""
        count, total, square, sensitivity = self._sums
        variance = square / count - (total / count).square()
        above, below = (Tail(_beyond(counts / self._pixels)) for counts in self._counts)
        return Moments(self._high, self._low, variance, sensitivity / self._pixels, above, below)


def _bin(magnitude: Tensor) -> Tensor:
    place = ((magnitude.log2() - _SMALLEST) * _BINS).floor()
    return place.clamp(0, _OCTAVES * _BINS - 1).long()


def _beyond(counts: Tensor) -> Tensor:
    """The sums of a tail from the squared gradients of each bin, channels × bins."""
    middles = torch.exp2((torch.arange(_OCTAVES * _BINS, dtype=torch.float64) + 0.5) / _BINS + _SMALLEST)
    powers = torch.stack([counts, counts * middles, counts * middles.square()])
    return powers.flip(-1).cumsum(-1).flip(-1)
