"""Equalization: gains of channels and ends of ranges that leave the least noise in the output.

An activation's channels share 256 codes, and under per-tensor weights the channels of a layer share a weight scale. A
channel that is enlarged takes codes from its neighbors; one that is made small has its readers' weights rounded coarsely.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.numerics.qparams import WEIGHT_LIMIT
from sr2tflite.quant.functions import CODES
from sr2tflite.quant.gains import apply_gain, gain_sets
from sr2tflite.quant.limits import NARROWEST, Range
from sr2tflite.quant.moments import Moments, measured_moments
from sr2tflite.quant.plan import Plan, roots
from sr2tflite.quant.settings import WeightGrid
from sr2tflite.torch_view import FloatView

import os
STEPS = int(os.environ.get("STEPS", 200))
RATE = 0.05
CLIP = float(os.environ.get("CLIP", 1))
WN = float(os.environ.get("WN", 1))
"""Of Adam, on the logarithms of the gains."""

LARGEST_LOG_GAIN = 4.0
"""Gains stay within e^±4 ≈ 55: beyond it a channel is silent, and its share of the noise as well."""

_TINY = 1e-30
"""Keeps the logarithm of no noise at all finite."""


@dataclass(frozen=True)
class Balanced:
    """A plan whose graph has its gains, and the ends found with them."""

    plan: Plan
    ranges: dict[int, Range]
    """Of each group that is not fixed."""


def balance(
    plan: Plan, images: Sequence[NDArray[np.uint8]], weights: WeightGrid = "per-channel", *, gains: bool = True
) -> Balanced:
    graph = plan.graph
    sets = gain_sets(graph) if gains else []
    noise = _Noise(plan, sets, measured_moments(graph, images), weights)
    logs, ends = _minimized(noise, [torch.zeros(graph.tensors[min(members)].channels, dtype=torch.float64) for members in sets])
    graph = graph.copy()
    for members, log in zip(sets, logs, strict=True):
        apply_gain(graph, members, log.detach().exp().numpy())
    found = torch.minimum(ends.exp(), noise.widest([log.exp() for log in logs])).tolist()
    ranges = {index: Range(-low if noise.signed[index] else 0.0, high).within(plan.groups[index]) for index, (low, high) in zip(noise.learned, found, strict=True)}
    return Balanced(replace(plan, graph=graph), ranges)


def _minimized(noise: "_Noise", logs: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    ends = noise.widest([log.exp() for log in logs]).log()
    optimizer = torch.optim.Adam([x.requires_grad_() for x in (*logs, ends)], lr=RATE)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for i in range(STEPS):
        optimizer.zero_grad()
        (noise(logs, ends) + _TINY).log().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        sched.step()
        with torch.no_grad():
            for log in logs:
                log.clamp_(-LARGEST_LOG_GAIN, LARGEST_LOG_GAIN)
    return logs, ends


class _Noise:
    """N as a function of the logarithms of the gains and of the ends."""

    def __init__(
        self, plan: Plan, sets: Sequence[set[str]], moments: dict[str, Moments], weights: WeightGrid
    ) -> None:
        graph = plan.graph
        self.learned = [index for index, group in enumerate(plan.groups) if not group.fixed]
        self._roots = [roots(graph, plan.groups[index].tensors) for index in self.learned]
        self._weights = weights
        self._moments = moments
        self._set_of = {name: index for index, members in enumerate(sets) for name in members}
        self._convolutions = [
            (node, *_magnitudes(graph, node)) for node in graph.nodes if isinstance(node.op, ops.Conv2D)
        ]
        self.signed = {index: any(float(moments[n].low.min()) < 0 for n in names) for index, names in zip(self.learned, self._roots)}

    def widest(self, gains: Sequence[Tensor]) -> Tensor:
        """The magnitudes of the ends that clip nothing, groups × (low, high)."""
        ends = [
            [max(float((getattr(self._moments[n], side) * self._gain(n, gains).detach()).abs().amax()) for n in names) for side in ("low", "high")]
            for names in self._roots
        ]
        return torch.tensor(ends, dtype=torch.float64).reshape(-1, 2).clamp(min=NARROWEST)

    def __call__(self, logs: Sequence[Tensor], ends: Tensor) -> Tensor:
        gains = [log.exp() for log in logs]
        return torch.stack([*self._of_activations(gains, ends.exp()), *self._of_weights(gains)]).sum()

    def _of_activations(self, gains: Sequence[Tensor], ends: Tensor) -> Iterator[Tensor]:
        for index, names, (low, high) in zip(self.learned, self._roots, ends, strict=True):
            low = low if self.signed[index] else torch.zeros_like(low)
            step = (high + low) / CODES
            for name in names:
                if not self._moments[name].sensitivity.any():
                    continue
                seen, gain = self._moments[name], self._gain(name, gains)
                yield (seen.sensitivity * (step / gain).square()).sum() / 12
                yield CLIP*(seen.above.cost(high / gain.expand_as(seen.high)) + seen.below.cost(low / gain.expand_as(seen.high))).sum()

    def _of_weights(self, gains: Sequence[Tensor]) -> Iterator[Tensor]:
        for node, magnitudes, taps in self._convolutions:
            read, written = (self._gain(name, gains) for name in (node.inputs[0], node.output))
            steps = (magnitudes * written.reshape(-1, 1) / read).amax(1) / WEIGHT_LIMIT
            step = steps if self._weights == "per-channel" else steps.amax()
            power = taps * (self._moments[node.inputs[0]].variance * read.square()).mean()
            yield WN*(self._moments[node.output].sensitivity * (step / written).square()).sum() * power / 12

    def _gain(self, name: str, gains: Sequence[Tensor]) -> Tensor:
        index = self._set_of.get(name)
        return torch.ones(1, dtype=torch.float64) if index is None else gains[index]


def _magnitudes(graph: Graph, node: Node) -> tuple[Tensor, int]:
    """(largest |W_oi| of each pair of channels, taps of one output channel) of a convolution."""
    weight = graph.tensors[node.inputs[1]].data
    assert weight is not None
    return torch.from_numpy(np.abs(weight.astype(np.float64)).max((1, 2))), weight[0].size
