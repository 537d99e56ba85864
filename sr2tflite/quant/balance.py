"""Equalization for per-tensor weights: gains that minimize the rounding noise of activations and weights together.

Where a layer has one weight scale, a channel that is enlarged costs its writer's other channels their resolution, and
one that is made small costs its readers' theirs. So neither activations nor weights can decide alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.numerics.qparams import WEIGHT_LIMIT
from sr2tflite.quant.equalize import apply_gain, gain_sets
from sr2tflite.quant.functions import CODES
from sr2tflite.quant.ranges import middle
from sr2tflite.torch_view import FloatView

STEPS = 300
RATE = 0.05
"""Of Adam, on the logarithms of the gains."""

LARGEST_LOG_GAIN = 4.0
"""Gains stay within e^±4 ≈ 55: beyond it a channel is silent, and its share of the noise as well."""

_TINY = 1e-30
"""Keeps the logarithm of no noise at all finite."""


@dataclass(frozen=True)
class Moments:
    """What is known of a float activation, per channel, float64."""

    high: Tensor
    low: Tensor
    variance: Tensor
    sensitivity: Tensor
    """J: mean squared gradient of the output with respect to it, up to a factor that all activations share."""

    linear_sensitivity: Tensor
    """J': the same before its ReLU, which hides what it sets to zero."""


def balance_channels(graph: Graph, images: Sequence[NDArray[np.uint8]]) -> Graph:
    """The same float function with the gains that leave the least rounding noise in the output.

    With a gain a_c per channel, as in :func:`~sr2tflite.quant.equalize.equalize_channels`, the noise is, up to 1/12,

        N(a) = Σ_t Σ_c J_c·(s_t/a_c)² + Σ_W Σ_o J'_o·(s_W/a_o)²·k²·Σ_i Var(x_i)·a_i²

    over the activations t that have gains and the convolutions W: x → y with k × k taps, where
    ``s_t = (max_c a_c·t_c − min_c a_c·t_c)/255`` and ``s_W = max |W_oi|·a_o/a_i / 127``. A rounding error counts with
    the variance of what it multiplies: bias correction takes its mean. log N is minimized over log a by Adam from
    gains of 1. Exact in ℝ for any gains; one rounding of float32 per constant.

    References:
        Data-Free Quantization Through Weight Equalization and Bias Correction (Nagel et al., 2019),
        https://arxiv.org/abs/1906.04721, section 4.1, is the case where only the ranges of W and its reader count.

    Args:
        graph: A float graph in pixel units.
        images: Low-resolution images, uint8, height × width × 3.
    """
    sets, result = gain_sets(graph), graph.copy()
    noise = _Noise(graph, sets, measured_moments(graph, images))
    logs = [torch.zeros(graph.tensors[min(members)].channels, dtype=torch.float64) for members in sets]
    if sets:
        _minimize(noise, logs)
    for members, log in zip(sets, logs, strict=True):
        apply_gain(result, members, log.detach().exp().numpy())
    return result


def _minimize(noise: "_Noise", logs: list[Tensor]) -> None:
    optimizer = torch.optim.Adam([log.requires_grad_() for log in logs], lr=RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (noise(logs) + _TINY).log().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            for log in logs:
                log.clamp_(-LARGEST_LOG_GAIN, LARGEST_LOG_GAIN)


class _Noise:
    """N as a function of the logarithms of the gains."""

    def __init__(self, graph: Graph, sets: Sequence[set[str]], moments: dict[str, Moments]) -> None:
        self._moments = moments
        self._set_of = {name: index for index, members in enumerate(sets) for name in members}
        self._convolutions = [
            (node, *_magnitudes(graph, node)) for node in graph.nodes if isinstance(node.op, ops.Conv2D)
        ]

    def __call__(self, logs: Sequence[Tensor]) -> Tensor:
        gains = [log.exp() for log in logs]
        return torch.stack([*self._of_activations(gains), *self._of_weights(gains)]).sum()

    def _of_activations(self, gains: Sequence[Tensor]) -> Iterator[Tensor]:
        for name, index in self._set_of.items():
            seen, gain = self._moments[name], gains[index]
            span = (seen.high * gain).amax().clamp(min=0) - (seen.low * gain).amin().clamp(max=0)
            yield (seen.sensitivity * (span / CODES / gain).square()).sum()

    def _of_weights(self, gains: Sequence[Tensor]) -> Iterator[Tensor]:
        for node, magnitudes, taps in self._convolutions:
            read, written = (self._gain(name, gains) for name in (node.inputs[0], node.output))
            step = (magnitudes * written.reshape(-1, 1) / read).amax() / WEIGHT_LIMIT
            power = taps * (self._moments[node.inputs[0]].variance * read.square()).mean()
            yield (self._moments[node.output].linear_sensitivity * (step / written).square()).sum() * power

    def _gain(self, name: str, gains: Sequence[Tensor]) -> Tensor:
        index = self._set_of.get(name)
        return torch.ones(1, dtype=torch.float64) if index is None else gains[index]


def _magnitudes(graph: Graph, node: Node) -> tuple[Tensor, int]:
    """(largest |W_oi| of each pair of channels, taps of one output channel) of a convolution."""
    weight = graph.tensors[node.inputs[1]].data
    assert weight is not None
    return torch.from_numpy(np.abs(weight.astype(np.float64)).max((1, 2))), weight[0].size


def measured_moments(graph: Graph, images: Sequence[NDArray[np.uint8]]) -> dict[str, Moments]:
    """The moments of every activation on the middles of some images.

    Sensitivities come from one backward pass each: the squared gradient of ``Σ r·output`` with random signs r is, in
    the mean, the sum of the squared gradients of all outputs.
    """
    view, signs = FloatView(graph), torch.Generator().manual_seed(0)
    found: dict[str, list[Tensor]] = {}
    for image in images:
        values = view.activations(middle(image).requires_grad_())
        output = values[graph.output.name]
        random = torch.randint(0, 2, output.shape, generator=signs).float() * 2 - 1
        gradients = torch.autograd.grad((output * random).sum(), list(values.values()), allow_unused=True)
        for (name, value), gradient in zip(values.items(), gradients, strict=True):
            found.setdefault(name, []).append(_seen(value.detach(), gradient))
    return {name: _gathered(torch.stack(rows)) for name, rows in found.items()}


def _seen(value: Tensor, gradient: Tensor | None) -> Tensor:
    """Of one image: high, low, mean, mean square, J and J', six rows of channels."""
    squared = torch.zeros_like(value) if gradient is None else gradient.square()
    parts = [value.amax((0, 2, 3)), value.amin((0, 2, 3))]
    parts += [x.double().mean((0, 2, 3)) for x in (value, value.square(), squared, squared * (value != 0))]
    return torch.stack([part.double() for part in parts])


def _gathered(rows: Tensor) -> Moments:
    mean, square, sensitivity, linear = rows[:, 2:].mean(0)
    return Moments(rows[:, 0].amax(0), rows[:, 1].amin(0), square - mean.square(), sensitivity, linear)
