"""Which activations become int16 in an int8 network: those where that brings the output nearest to float."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log10
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph
from sr2tflite.graph.passes.int16_island import declined, enclosed, int16_islands, power_of_two_from
from sr2tflite.numerics.qparams import LIMITS, SCALE_BITS
from sr2tflite.progress import Progress, silent
from sr2tflite.quant.branches import patches
from sr2tflite.quant.limits import NARROWEST, Range
from sr2tflite.quant.plan import Group
from sr2tflite.quant.ranges import find_ranges
from sr2tflite.quant.settings import IslandSettings, PtqSettings
from sr2tflite.torch_view import FloatView

if TYPE_CHECKING:
    from sr2tflite.quant.view import QuantizedView

Image = NDArray[np.uint8]
Enlarge = Callable[[Image], Image]
Simulate = Callable[[Graph], Enlarge]
"""From a quantized graph to what the device makes of an image, height × width × 3, byte for byte."""

HEADROOM = 1.5
"""How many times as far as calibration saw an island's codes reach at least, so that other images fit too."""

_LARGEST = LIMITS["int16"][1]


@dataclass(frozen=True)
class Island:
    """One activation that an op rounds, and its width."""

    tensor: str

    gain_db: float | None
    """By how much nearer to float the output is when it alone is int16; None where that was not measured."""

    is_int16: bool
    """Whether it is int16."""

    why: str = ""
    """Why it is no island, or is one without having gained enough."""


@dataclass(frozen=True)
class Islands:
    """A quantized graph with some activations in int16."""

    graph: Graph

    layers: tuple[Island, ...]
    """Every activation that can be one, the first gaining most, then those that cannot."""

    gain_db: float
    """By how much nearer to float the output is with all that were chosen; 0 where none was."""


def choose_islands(
    view: "QuantizedView",
    graph: Graph,
    images: Sequence[Image],
    settings: IslandSettings,
    simulate: Simulate,
    *,
    progress: Progress = silent,
) -> Islands:
    """Make the activations int16 that gain most, each measured alone, until one gains too little or there are enough.

    The gain is of PSNR between the quantized network, as the device runs it, and the float one, on the middles of some
    of the images. An island's scale is the power of two from ``1.5·max|x| / 32767`` of all of them: outliers are whole,
    and of 16 bits at least 13 are left; where saturation stands for a clip, the scale that saturates there. What lies
    between two chosen islands joins them: all that computes it is wide by then.

    Args:
        view: What the graph was frozen from.
        graph: Quantized.
        images: Low-resolution images, uint8, height × width × 3.
        settings: When an activation is chosen, and how many.
        simulate: What the device does.
        progress: Told after each activation.

    Raises:
        UnsupportedError: The network has no plain kernel for what it holds.
    """
    search = _Search(view, graph, images, settings, simulate)
    plain, gains = search.distance(graph), dict[str, float]()
    for done, (name, scale) in enumerate(search.scales.items(), start=1):
        gains[name] = 10 * log10(plain / search.distance(search.with_islands({name: scale})))
        progress("looking for islands", done, len(search.scales), f"{name}: {gains[name]:+.2f} dB")
    order = sorted(gains, key=lambda name: -gains[name])
    chosen = search.fitting([name for name in order if gains[name] >= settings.gain_db], settings.most)
    joined = search.joined(chosen)
    result = search.with_islands(search.chosen_scales([*chosen, *joined]))
    layers = [
        Island(name, gains[name], name in (*chosen, *joined), "between two islands" if name in joined else "")
        for name in order
    ]
    left = [Island(name, None, is_int16=False, why=why) for name, why in search.left_out.items()]
    return Islands(result, (*layers, *left), 10 * log10(plain / search.distance(result)) if chosen else 0.0)


def island_scale(group: Group, seen: Range, *, rectified: bool) -> float | None:
    """The int16 scale of an activation; None where saturating at int16's two ends would not clip as its group does.

    Args:
        group: Its bounds are clips that saturation stands for.
        seen: Smallest and largest value.
        rectified: Whether a fused ReLU cuts what is negative.
    """
    floor = -inf if rectified and group.low >= 0 else group.low
    if floor == -inf and group.high == inf:
        return power_of_two_from(HEADROOM * max(-seen.low, seen.high, NARROWEST) / _LARGEST)
    if rectified and floor == -inf:
        return _cut(group.high / _LARGEST)
    return _cut(group.high / (_LARGEST + 1)) if floor == -group.high else None


def _cut(scale: float) -> float:
    """The largest scale of 16 bits that is not larger: saturation must not pass the clip."""
    mantissa, exponent = np.frexp(scale)
    return float(np.ldexp(np.floor(mantissa * 2**SCALE_BITS), exponent - SCALE_BITS))


class _Search:
    """What can be an island, and what that does to the distance from float on some patches."""

    def __init__(
        self,
        view: "QuantizedView",
        graph: Graph,
        images: Sequence[Image],
        settings: IslandSettings,
        simulate: Simulate,
    ) -> None:
        self._graph, self._simulate, self._sums_alone = graph, simulate, settings.sums_alone
        pixels = patches(images)
        self._patches = [patch[0].permute(1, 2, 0).numpy().astype(np.uint8) for patch in pixels]
        with torch.no_grad():
            wanted = [FloatView(view.plan.graph)(patch).clamp(0, 255)[0] for patch in pixels]
        self._wanted = [one.permute(1, 2, 0).numpy() for one in wanted]
        self.scales: dict[str, float] = {}
        self.left_out: dict[str, str] = {}
        seen = find_ranges(view.plan, images, PtqSettings(method="minmax"))
        for node in graph.nodes:
            found = self._scale_or_reason(view, node.output, seen)
            if isinstance(found, float):
                self.scales[node.output] = found
            else:
                self.left_out[node.output] = found

    def _scale_or_reason(self, view: "QuantizedView", name: str, seen: Mapping[int, Range]) -> float | str:
        if (reason := declined(self._graph, name, sums_alone=self._sums_alone)) is not None:
            return reason
        index, node = view.plan.group_of[name], self._graph.producer(name)
        group = view.plan.groups[index]
        if group.fixed:
            return "shares its grid with pixels: int16 adds nothing to them"
        scale = island_scale(group, seen[index], rectified=getattr(node and node.op, "activation", "NONE") == "RELU")
        if scale is None:
            return f"is clipped to {group.low:g}…{group.high:g}, which int16's symmetric range does not end at"
        return self._fault({name: scale}) or scale

    def _fault(self, scales: Mapping[str, float]) -> str | None:
        try:
            self.with_islands(scales)
        except UnsupportedError as error:
            return f"{error.where}: {error.message}"
        return None

    def with_islands(self, scales: Mapping[str, float]) -> Graph:
        """The graph with some activations in int16."""
        return int16_islands(self._graph, scales, sums_alone=self._sums_alone)

    def distance(self, graph: Graph) -> float:
        """Mean squared difference from the float network's images."""
        enlarge = self._simulate(graph)
        pairs = zip(self._patches, self._wanted, strict=True)
        apart = [np.square(enlarge(patch) - wanted, dtype=np.float64).mean() for patch, wanted in pairs]
        return max(float(np.mean(apart)), 1e-12)

    def fitting(self, names: Iterable[str], most: int) -> list[str]:
        """The first of some activations, as many as are wanted, that may all be int16 together."""
        chosen: list[str] = []
        for name in names:
            if len(chosen) < most and self._fault(self.chosen_scales([*chosen, name])) is None:
                chosen.append(name)
        return chosen

    def joined(self, chosen: Sequence[str]) -> list[str]:
        """What lies between islands and may be one."""
        between = [name for name in enclosed(self._graph, chosen, sums_alone=self._sums_alone) if name in self.scales]
        return between if self._fault(self.chosen_scales([*chosen, *between])) is None else []

    def chosen_scales(self, names: Iterable[str]) -> dict[str, float]:
        """Scales by name."""
        return {name: self.scales[name] for name in names}
