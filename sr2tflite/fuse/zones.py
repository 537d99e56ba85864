"""Where in the image two results differ: interior, border, corners."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Deltas:
    """The largest |Δ| in each zone of the image; the border is as wide as the kernel's radius, at least one pixel."""

    interior: float
    border: float
    corners: float

    @property
    def largest(self) -> float:
        return max(self.interior, self.border, self.corners)

    def __str__(self) -> str:
        return f"max |Δ| {self.border:.3g} in border, {self.corners:.3g} in corners, {self.interior:.3g} inside"


def edge_distance(size: int) -> Tensor:
    """Distance of every position along an axis to the nearer edge: 0 at both ends."""
    positions = torch.arange(size)
    return torch.minimum(positions, positions.flip(0))


def zoned(difference: Tensor, radius: tuple[int, int]) -> Deltas:
    """The largest magnitude per zone.

    Args:
        difference: [..., H, W].
        radius: Reach of the kernel in rows and columns.
    """
    magnitude = difference.abs().reshape(-1, *difference.shape[-2:]).amax(0)
    rows = (edge_distance(magnitude.shape[0]) < max(radius[0], 1))[:, None]
    columns = (edge_distance(magnitude.shape[1]) < max(radius[1], 1))[None, :]
    return Deltas(
        _largest(magnitude, ~rows & ~columns), _largest(magnitude, rows ^ columns), _largest(magnitude, rows & columns)
    )


def _largest(magnitude: Tensor, zone: Tensor) -> float:
    inside = magnitude[zone]
    return float(inside.max()) if inside.numel() else 0.0
