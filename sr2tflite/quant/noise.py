"""The modelled noise of quantization in the output: rounding and clipping of activations, rounding of weights."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from sr2tflite.graph import Graph, ops
from sr2tflite.numerics.qparams import WEIGHT_LIMIT
from sr2tflite.quant.gains import joined
from sr2tflite.quant.moments import Moments
from sr2tflite.quant.plan import Plan, roots, span
from sr2tflite.quant.settings import WeightGrid

CLIPPED_TOGETHER = 3.0
"""κ: what is clipped lies together and errs to one side, so that it costs more than single pixels would. Chosen on
held-out training images among 1, 3 and 4."""

Gains = Sequence[Tensor]


class Noise:
    """N as a function of gains and ends.

    With a gain a_c per channel and the range −l…u of each group of activations, ``s = (l + u)/255`` at eight bits,

        N = Σ_t Σ_c J_c·(s_t/a_c)²/12 + κ·C_c(u_t/a_c) + κ·C'_c(l_t/a_c)
          + Σ_W Σ_o J_o·(s_Wo/a_o)²/12·Σ_taps Var(x_i)·a_i²

    over the activations t that are rounded and the convolutions W: x → y. J_c is the sum of the squared gradients of
    the output, ``C_c(h) = Σ g²·max(x − h, 0)²`` what clipping costs, ``s_W = max |W_oi|·a_o/a_i / 127``, over the
    output channel or the layer. What a PRELU shrinks costs little before it, for g says so. A rounding error of a
    weight counts with the variance of what it multiplies: bias correction takes its mean.

    Args:
        plan: A float graph in pixel units and its groups.
        sets: Activations with gains, those that share them together.
        moments: Of every activation.
        weights: Whether weight scales are per output channel or per tensor.
    """

    def __init__(self, plan: Plan, sets: Sequence[set[str]], moments: dict[str, Moments], weights: WeightGrid) -> None:
        self.learned = [index for index, group in enumerate(plan.groups) if not group.fixed]
        """The groups whose ends are asked for."""
        self._roots = [roots(plan.graph, plan.groups[index].tensors) for index in self.learned]
        self._steps = [plan.groups[index].steps for index in self.learned]
        self._moments, self._per_channel = moments, weights == "per-channel"
        self._set_of = {name: index for index, members in enumerate(sets) for name in members}
        held = [(roots(plan.graph, group.tensors), group.steps, group.given) for group in plan.groups]
        self._held = [
            ([name for name in names if name in self._set_of], steps, *span(given, steps))
            for names, steps, given in held
            if given is not None
        ]
        """Of groups whose ends are not asked for: what has gains, steps and ends."""
        self._convolutions = [
            (
                node,
                joined(plan.graph, node.inputs[0]),
                *_magnitudes(plan.graph, node.inputs[1]),
                plan.limits.get(node.output, WEIGHT_LIMIT),
            )
            for node in plan.graph.nodes
            if isinstance(node.op, ops.Conv2D)
        ]

    def widest(self, gains: Gains) -> Tensor:
        """The magnitudes of the ends that clip nothing, groups × (low, high)."""
        ends = [[self._largest(names, gains, end) for end in ("low", "high")] for names in self._roots]
        return torch.tensor(ends, dtype=torch.float64).reshape(-1, 2)

    def _largest(self, names: Sequence[str], gains: Gains, end: str) -> float:
        found = [float((getattr(self._moments[name], end) * self._gain(name, gains)).abs().amax()) for name in names]
        return max(found)

    def __call__(self, gains: Gains, ends: Tensor) -> Tensor:
        """N, a scalar; gains per set and the magnitudes of the ends, groups × (low, high)."""
        nothing = torch.zeros((), dtype=torch.float64)
        return torch.stack([nothing, *self._of_activations(gains, ends), *self._of_weights(gains)]).sum()

    def _of_activations(self, gains: Gains, ends: Tensor) -> Iterator[Tensor]:
        learned = zip(self._roots, self._steps, ends, strict=True)
        held = ((names, steps, ends.new_tensor((-low, high))) for names, steps, low, high in self._held)
        for names, steps, (low, high) in (*learned, *held):
            for name in names:
                seen = self._moments[name]
                if not seen.sensitivity.any():
                    continue  # whole pixels: steps of one are exact, and nothing is gained by clipping
                gain = self._gain(name, gains).expand_as(seen.high)
                yield (seen.sensitivity * ((low + high) / steps / gain).square()).sum() / 12
                yield CLIPPED_TOGETHER * (seen.above.cost(high / gain) + seen.below.cost(low / gain)).sum()

    def _of_weights(self, gains: Gains) -> Iterator[Tensor]:
        for node, parts, magnitudes, taps, limit in self._convolutions:
            source, output = node.inputs[0], node.output
            read, written = self._read(parts, gains), self._gain(output, gains)
            steps = (magnitudes * written.reshape(-1, 1) / read).amax(1) / limit
            step = steps if self._per_channel else steps.amax()
            power = taps * (self._moments[source].variance * read.square()).mean() / 12
            yield (self._moments[output].sensitivity * (step / written).square()).sum() * power

    def _read(self, parts: tuple[str, ...], gains: Gains) -> Tensor:
        """The gains of what a convolution reads, joined of some activations."""
        if self._set_of.keys().isdisjoint(parts):
            return torch.ones(1, dtype=torch.float64)  # for convolutions with groups, too, whose channels are fewer
        return torch.cat([self._gain(part, gains).expand_as(self._moments[part].high) for part in parts])

    def _gain(self, name: str, gains: Gains) -> Tensor:
        index = self._set_of.get(name)
        return torch.ones(1, dtype=torch.float64) if index is None else gains[index]


def _magnitudes(graph: Graph, name: str) -> tuple[Tensor, int]:
    """(largest |W_oi| of each pair of channels, taps of one output channel) of a convolution."""
    weight = graph.tensors[name].data
    assert weight is not None
    return torch.from_numpy(np.abs(weight.astype(np.float64)).max((1, 2))), weight[0].size
