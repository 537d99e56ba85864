"""A region that only moves pixels: a shuffle, however it is written."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sr2tflite.fuse.capture import REFUSALS, Captured
from sr2tflite.fuse.collapse import noise
from sr2tflite.graph.movement import Movement, recognize
from sr2tflite.fuse.regions import Region, shape


@dataclass(frozen=True)
class Moved:
    """A region and what it does to the image: no multiplication, no sum."""

    region: Region
    movement: Movement


def moved(captured: Captured, region: Region) -> Moved | None:
    """Recognize a region that moves pixels, by running it on indices.

    That indices come back as indices is no proof yet (``5 − x`` reverses them too): on noise the region must give
    exactly what the same places hold.

    Returns:
        None when it computes anything, or moves what no single op can move.
    """
    sizes = shape(region.entry)
    assert sizes is not None
    x = noise(sizes, 1.0, 0)
    with torch.no_grad():
        try:
            index = captured.run(region.nodes, region.entry, torch.arange(x.numel(), dtype=x.dtype).reshape(sizes))
            if not _are_indices(index, x.numel()):
                return None
            is_moved = torch.equal(captured.run(region.nodes, region.entry, x), x.reshape(-1)[index.long()])
        except REFUSALS:
            return None
    found = recognize(index.long().numpy(), sizes) if is_moved else None
    return Moved(region, found) if found else None


def _are_indices(values: Tensor, count: int) -> bool:
    whole = torch.equal(values, values.round())
    return whole and bool(values.min() >= 0) and bool(values.max() < count)
