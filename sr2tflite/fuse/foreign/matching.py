"""Which tensors of the deploy graph hold the values that a quantized file rounds: found out by numbers.

Fusing renames, reorders channels and moves activations into convolutions. A rounded value and a tensor are one when
they agree on two random images, channel for channel in some order: one of the size of pixels and one far beyond it, on
which every clip cuts.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from sr2tflite.fuse.foreign.module import OnnxModule
from sr2tflite.graph import Graph
from sr2tflite.graph.said import SaidGrid
from sr2tflite.torch_view import FloatView

SAME = 1e-5
"""As a part of the largest value: both are computed in float64 from float32 weights that were rounded once."""

_SIZE = (11, 14)
_BEYOND = 64
"""The second image reaches so many times as far, below black as well."""

Channels = NDArray[np.float64]


def _sorted_channels(values_NCHW: torch.Tensor) -> Channels:
    """Channels in an order of their own: by a random weighting of their pixels."""
    channels = values_NCHW[0].flatten(1).numpy()
    weights = np.random.default_rng(1).uniform(0.5, 1.5, channels.shape[1])
    return channels[np.argsort(channels @ weights, kind="stable")].reshape(-1, *values_NCHW.shape[2:])


def _agree(one: list[Channels], other: list[Channels]) -> bool:
    return all(
        a.shape == b.shape and float(np.abs(a - b).max()) <= SAME * float(np.abs(a).max())
        for a, b in zip(one, other, strict=True)
    )


def matched(
    module: OnnxModule, marks: dict[str, SaidGrid], graph: Graph
) -> tuple[dict[str, tuple[SaidGrid, ...]], tuple[SaidGrid, ...]]:
    """The grids of every activation, and those of values that no tensor holds.

    Args:
        module: The file, in float.
        marks: Value of the module → where the file rounds it, in execution order.
        graph: What the module was fused to.
    """
    low, high = graph.value_range
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((1, graph.input.channels, *_SIZE), generator=generator, dtype=torch.float64)
    images = [image * (high - low) + low, (image - 0.5) * (high - low) * _BEYOND]
    view, module = FloatView(graph, image.dtype), module.double()
    with torch.no_grad():
        found = [module.values(x) for x in images]
        shown = [view.activations(x) for x in images]
    held = {name: [_sorted_channels(values[name]) for values in shown] for name in shown[0]}
    grids: dict[str, tuple[SaidGrid, ...]] = {}
    lost = []
    for value, grid in marks.items():
        wanted = [_sorted_channels(values[value]) for values in found]
        names = [name for name, channels in held.items() if _agree(wanted, channels)]
        for name in names:
            grids[name] = (*grids.get(name, ()), grid)
        if not names:
            lost.append(grid)
    return grids, tuple(lost)
