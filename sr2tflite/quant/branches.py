"""Which activations get a second branch for their outliers: those where that brings the output nearest to float."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import inf, log10

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.graph import Graph
from sr2tflite.graph.passes.two_branches import adjacent, splittable, two_branches
from sr2tflite.progress import Progress, silent
from sr2tflite.quant.limits import Range
from sr2tflite.quant.plan import Plan, plan_quantization
from sr2tflite.quant.plq import Regions, regions_of
from sr2tflite.quant.ranges import middle
from sr2tflite.quant.settings import Bits, BranchSettings
from sr2tflite.torch_view import FloatView

PATCH = 48
"""What is looked at of each image, in pixels."""

IMAGES = 8
"""How many images are looked at, evenly spread."""

SMALLEST_SHARE = 1 / 64
"""A breakpoint under this share of the largest value leaves the first branch nothing but zeros and noise."""

Forward = Callable[[Plan, Mapping[int, Range]], Callable[[Tensor], Tensor]]
"""From a plan and its ranges to what turns pixels into pixels."""


@dataclass(frozen=True)
class Branching:
    """One activation that could be split."""

    tensor: str
    breakpoint: float
    """Up to which it is in the first branch, in pixels."""

    gain_db: float
    """By how much nearer to float the output is when it alone is split, activations alone being rounded coarsely."""

    split: bool
    """Whether it is split."""


@dataclass(frozen=True)
class Branched:
    """A plan with some activations split."""

    plan: Plan
    ranges: dict[int, Range]
    layers: tuple[Branching, ...]
    """All that could be split, the first gaining most."""


def branch(
    plan: Plan,
    ranges: Mapping[int, Range],
    images: Sequence[NDArray[np.uint8]],
    settings: BranchSettings,
    bits: Bits,
    forward: Forward,
    *,
    progress: Progress = silent,
) -> Branched:
    """Split the activations that gain most, each measured alone, until one gains too little or there are enough.

    A breakpoint starts as the percentile of the first image and follows that of each later one as a moving average. The
    gain is of PSNR between the quantized network and the float one, with weights of 8 bits on both sides of the
    comparison; ends of ranges that splitting brings about are minimum and maximum.

    Args:
        plan: A float graph in pixel units and its groups.
        ranges: Of each group that is not fixed.
        images: Low-resolution images, uint8, height × width × 3.
        settings: When to split, and how much.
        bits: Of weights and activations.
        forward: How a plan computes.
        progress: Told after each activation.
    """
    found = _Search(plan, ranges, patches(images), settings.percentile, bits, forward)
    plain, names = found.distance({}), list(found.breakpoints)
    gains: dict[str, float] = {}
    for done, name in enumerate(names, start=1):
        gains[name] = 10 * log10(plain / found.distance({name: found.breakpoints[name]}))
        progress("looking for outliers", done, len(names), f"{name}: {gains[name]:+.2f} dB")
    order = sorted(names, key=lambda name: -gains[name])
    chosen = _chosen(plan.graph, order, gains, settings)
    split = {name: found.breakpoints[name] for name in chosen}
    layers = tuple(Branching(name, found.breakpoints[name], gains[name], name in split) for name in order)
    return Branched(*found.planned(split), layers)


def _chosen(graph: Graph, order: Sequence[str], gains: Mapping[str, float], settings: BranchSettings) -> list[str]:
    chosen: list[str] = []
    for name in order:
        beside_one = not adjacent(graph, name).isdisjoint(chosen)
        if gains[name] >= settings.gain_db and len(chosen) < settings.most and not beside_one:
            chosen.append(name)
    return chosen


class _Search:
    """What splitting does to the distance from float, on some patches."""

    def __init__(
        self,
        plan: Plan,
        ranges: Mapping[int, Range],
        patches: Sequence[Tensor],
        percentile: float,
        bits: Bits,
        forward: Forward,
    ) -> None:
        self._plan, self._ranges, self._patches, self._bits, self._forward = plan, ranges, patches, bits, forward
        view = FloatView(plan.graph)
        with torch.no_grad():
            values = [view.activations(patch) for patch in patches]
        self._wanted = [one[plan.graph.output.name].clamp(0, 255) for one in values]
        regions = {n: _followed([regions_of(one[n], percentile) for one in values]) for n in splittable(plan.graph)}
        self.breakpoints = {name: float(one.breakpoint) for name, one in regions.items() if _has_both(one)}

    def distance(self, breakpoints: Mapping[str, float]) -> float:
        """Mean squared difference from the float network's images."""
        plan, ranges = self.planned(breakpoints)
        forward = self._forward(replace(plan, limits={}), ranges)
        with torch.no_grad():
            apart = [(forward(p) - w).square().mean() for p, w in zip(self._patches, self._wanted, strict=True)]
        return max(float(torch.stack(apart).mean()), 1e-12)

    def planned(self, breakpoints: Mapping[str, float]) -> tuple[Plan, dict[int, Range]]:
        """The plan with some activations split, and ranges: as they were, or minimum and maximum of what is new."""
        if not breakpoints:
            return self._plan, dict(self._ranges)
        plan = plan_quantization(two_branches(self._plan.graph, breakpoints), self._bits)
        known = {n: self._ranges[i] for i, g in enumerate(self._plan.groups) if not g.fixed for n in g.tensors}
        seen = self._spans(plan.graph)
        ranges = {}
        for index, group in enumerate(plan.groups):
            if not group.fixed:
                first = group.tensors[0]
                whole = known[first] if first in known else Range(*seen[first])
                ranges[index] = whole.within(group)
        return plan, ranges

    def _spans(self, graph: Graph) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of every activation."""
        view, found = FloatView(graph), dict.fromkeys(graph.tensors, (inf, -inf))
        with torch.no_grad():
            for patch in self._patches:
                for name, value in view.activations(patch).items():
                    low, high = (float(end) for end in value.aminmax())
                    found[name] = min(found[name][0], low), max(found[name][1], high)
        return found


def _followed(batches: Sequence[Regions]) -> Regions:
    return reduce(Regions.followed_by, batches)


def _has_both(regions: Regions) -> bool:
    """Whether both branches would have something to hold; a layer that is silent nearly everywhere has no first one."""
    return float(regions.high) * SMALLEST_SHARE < float(regions.breakpoint) < float(regions.high)


def patches(images: Sequence[NDArray[np.uint8]]) -> list[Tensor]:
    """The middles of some images, evenly spread, each 1 × 3 × height × width."""
    count = min(IMAGES, len(images))
    return [middle(images[index * len(images) // count], PATCH) for index in range(count)]
