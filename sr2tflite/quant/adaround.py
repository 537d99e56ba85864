"""AdaRound: every weight goes up or down, whichever gives a layer's output back better on real images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.progress import Progress, silent
from sr2tflite.quant.ranges import middle
from sr2tflite.torch_view import FloatView

if TYPE_CHECKING:
    from sr2tflite.quant.layers import ConvLayer
    from sr2tflite.quant.view import QuantizedView

ZETA, GAMMA = 1.1, -0.1
"""h(V) is a sigmoid stretched to GAMMA…ZETA and clipped to 0…1, so that it reaches both ends."""

STEPS = 800
RATE = 1e-2
BIAS_RATE = 3e-2
"""In steps of the output."""

BATCH = 512
"""Output pixels per step."""

WARM = 0.2
"""Share of the steps before what draws h(V) to its ends is added."""

REGULARIZATION = 0.01
BETAS = (20.0, 2.0)
"""From where to where the regularization's exponent goes."""

POSITIONS = 512
"""Output pixels looked at per image."""

SPAN = 1e-4
"""How near h(V) starts to its ends, and a weight's ratio to the largest code, at most: scales have 16 bits."""


@dataclass(frozen=True)
class _Samples:
    """Output pixels of one convolution, positions first."""

    windows: Tensor
    """Real values of the quantized input, groups × positions × taps."""

    wanted: Tensor
    """What the float network writes there, positions × output channels, within the output's range."""

    span: tuple[float, float]


def ada_round(view: "QuantizedView", images: Sequence[NDArray[np.uint8]], *, progress: Progress = silent) -> None:
    """Put the weights of every convolution on their grid, front to back, each after those before it.

    Over V, per layer, ``E ‖f(W̃x̂ + b) − f(Wx + b)‖² + λ Σ (1 − |2h(V) − 1|^β)`` is minimized by Adam,
    ``W̃ = s·clip(⌊W/s⌋ + h(V), −L, L)``, ``h(V) = clip(σ(V)·(ζ − γ) + γ, 0, 1)``; x̂ is what the quantized network has
    at the layer's input, x what the float one has, f the fused activation and the clip to the output's range. β falls
    from 20 to 2. Then h(V) ≥ ½ goes up. A weight that sets a scale, the channel's or the layer's, stays at the largest
    code. b is learned along, or rounding would have to mend means as well.

    References:
        Up or Down? Adaptive Rounding for Post-Training Quantization (Nagel et al., 2020),
        https://arxiv.org/abs/2004.10568, equations 21–25; the error is measured in the layer's output codes, and that b
        moves is ours.

    Args:
        view: Its weights are put on their grid, in place.
        images: Low-resolution images, uint8, height × width × 3; some pixels of the middle of each are looked at.
        progress: Told after each layer.
    """
    patches = [middle(image) for image in images]
    float_view, names = FloatView(view.plan.graph), view.layer_names()
    for done, name in enumerate(names, start=1):
        layer, node = view.layer(name), view.plan.graph.producer(name)
        assert node is not None
        input_scale = view.grids()[view.plan.group_of[node.inputs[0]]].scale[0]
        scale = torch.tensor(layer.weight_params(input_scale).scale, dtype=torch.float64)
        samples = _sampled(view, float_view, patches, name)
        with torch.enable_grad():
            codes, moved = _rounded(layer, scale, samples, view.grid(name).scale)
        with torch.no_grad():
            layer.weight.copy_(codes * scale.reshape(-1, 1, 1, 1))
            layer.bias.add_(moved)
        progress("rounding weights", done, len(names))


def _rounded(layer: "ConvLayer", scale: Tensor, samples: "_Samples", step: float) -> tuple[Tensor, Tensor]:
    """The codes of a layer's weights, OIHW, float64, and what its bias moves by.

    Args:
        layer: With its real weights.
        scale: Of the weights, one per output channel or one.
        samples: What goes in, and what shall come out.
        step: The output's scale.
    """
    limit, ratio = layer.quantizer.limit, layer.weight.detach().double() / scale.reshape(-1, 1, 1, 1)
    floor = ratio.floor()
    part = ((ratio - floor - GAMMA) / (ZETA - GAMMA)).clamp(SPAN, 1 - SPAN)
    free, bias = (part.log() - (1 - part).log()).float().requires_grad_(), layer.bias.detach()
    low, high = samples.span
    moved = torch.zeros_like(bias, requires_grad=True)
    optimizer = torch.optim.Adam([{"params": [free], "lr": RATE}, {"params": [moved], "lr": BIAS_RATE}])
    order = torch.Generator().manual_seed(0)
    scale32, floor32 = scale.float().reshape(-1, 1, 1, 1), floor.float()
    for number in range(STEPS):
        chosen = torch.randint(len(samples.wanted), (BATCH,), generator=order)
        weight = scale32 * (floor32 + stretched(free)).clamp(-limit, limit)
        found = _products(samples.windows[:, chosen], weight) + (bias + step * moved)
        loss = ((found.clamp(low, high) - samples.wanted[chosen]) / step).square().sum(1).mean()
        if number >= WARM * STEPS:
            loss = loss + REGULARIZATION * _undecided(stretched(free), (number / STEPS - WARM) / (1 - WARM))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    codes = (floor + (stretched(free.detach()) >= 0.5)).clamp(-limit, limit)
    sets_scale = ratio.abs() >= limit * (1 - SPAN)
    return torch.where(sets_scale, ratio.sign() * limit, codes), step * moved.detach()


def stretched(free: Tensor) -> Tensor:
    """h(V): 0 down, 1 up."""
    return (free.sigmoid() * (ZETA - GAMMA) + GAMMA).clamp(0, 1)


def _undecided(h: Tensor, progress: float) -> Tensor:
    """``Σ (1 − |2h − 1|^β)``; β follows half a cosine."""
    first, last = BETAS
    beta = last + (first - last) * 0.5 * (1 + float(np.cos(np.pi * progress)))
    return (1 - (2 * h - 1).abs().pow(beta)).sum()


def _products(windows: Tensor, weight: Tensor) -> Tensor:
    """Windows, groups × positions × taps, times the weights of each group: positions × output channels."""
    rows = weight.reshape(len(windows), -1, windows.shape[2])
    return torch.bmm(windows, rows.mT).transpose(0, 1).flatten(1)


def _sampled(view: "QuantizedView", float_view: FloatView, patches: Sequence[Tensor], name: str) -> _Samples:
    node, grids, layer = view.plan.graph.producer(name), view.grids(), view.layer(name)
    assert node is not None
    source, span = node.inputs[0], view.grid(name).span
    scale, order = grids[view.plan.group_of[source]].scale[0], torch.Generator().manual_seed(0)
    windows, wanted = [], []
    with torch.no_grad():
        for patch in patches:
            codes = patch
            if source != view.plan.graph.input.name:
                codes = next(codes for node, codes in view.codes(patch, grids) if node.output == source)
            x, padding = layer.padded(codes * scale)
            found = F.unfold(x, layer.weight.shape[2:], layer.op.dilation, padding, layer.op.stride)[0].T
            chosen = torch.randint(len(found), (POSITIONS,), generator=order)
            windows.append(found[chosen].reshape(POSITIONS, layer.groups, -1).transpose(0, 1))
            wanted.append(float_view.activations(patch)[name][0].flatten(1).T[chosen].clamp(*span))
    return _Samples(torch.cat(windows, 1).contiguous(), torch.cat(wanted), span)
