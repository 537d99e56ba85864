"""Counting, image by image, how tensors use their grids."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.evaluate.budget.result import Facts
from sr2tflite.graph import Tensor
from sr2tflite.numerics.qparams import LIMITS, WEIGHT_ZERO, QuantParams

Ends = tuple[float, float]
NOTHING: Ends = (np.inf, -np.inf)


@dataclass
class ActivationFacts:
    """What was seen of one activation so far."""

    tensor: Tensor
    counts: NDArray[np.int64] = field(init=False)
    """Of every code of the grid, the first one first."""

    beyond: int = 0
    lowest: NDArray[Any] | None = None
    """Smallest code of each channel."""

    highest: NDArray[Any] | None = None
    real: Ends = NOTHING
    float_: Ends = NOTHING

    def __post_init__(self) -> None:
        low, high = LIMITS[self.tensor.dtype]
        self.counts = np.zeros(high - low + 1, np.int64)

    def add(self, codes: NDArray[Any], real: NDArray[np.float32], source: NDArray[np.float32] | None) -> None:
        """Count one image.

        Args:
            codes: N × H × W × C, what the file writes.
            real: What it would write without rounding, any layout.
            source: The float graph's values, any layout, where it holds the tensor.
        """
        low, _ = LIMITS[self.tensor.dtype]
        self.counts += np.bincount(codes.ravel().astype(np.int64) - low, minlength=len(self.counts))
        self.beyond += saturated(real, _params(self.tensor), LIMITS[self.tensor.dtype])
        pixels = codes.reshape(-1, codes.shape[-1])
        least, most = pixels.min(0), pixels.max(0)
        self.lowest = least if self.lowest is None else np.minimum(self.lowest, least)
        self.highest = most if self.highest is None else np.maximum(self.highest, most)
        self.real = _wider(self.real, real)
        self.float_ = self.float_ if source is None else _wider(self.float_, source)

    def facts(self) -> Facts:
        """All of it."""
        assert self.lowest is not None
        params = _params(self.tensor)
        low, high = (params.scale[0] * (end - params.zero_point[0]) for end in LIMITS[self.tensor.dtype])
        return Facts(
            saturated=self.beyond / max(int(self.counts.sum()), 1),
            unused_codes=int((self.counts == 0).sum()),
            codes=len(self.counts),
            dead_channels=int((self.lowest == self.highest).sum()),
            channels=len(self.lowest),
            float_range=self.float_ if self.float_ != NOTHING else self.real,
            real_range=self.real,
            grid_range=(low, high),
        )


def weight_facts(stored: Tensor, real: NDArray[np.float32], source: NDArray[np.float32], axis: int) -> Facts:
    """The same of a constant.

    Args:
        stored: In the file.
        real: Its values in the file's channels.
        source: Its values as fused.
        axis: Of its channels.
    """
    assert stored.data is not None
    params, codes = _params(stored), stored.data
    zero, (low, high) = params.zero_point[0], LIMITS[stored.dtype]
    if set(params.zero_point) == {WEIGHT_ZERO.get(stored.dtype, 0)}:  # symmetric: narrow
        low = 2 * zero - high
    per_channel = np.moveaxis(codes, axis, 0).reshape(codes.shape[axis], -1)
    largest = max(params.scale)
    return Facts(
        saturated=saturated(real, params, (low, high)) / codes.size,
        unused_codes=high - low + 1 - len(np.unique(np.clip(codes, low, high))),
        codes=high - low + 1,
        dead_channels=int((per_channel == zero).all(1).sum()),
        channels=len(per_channel),
        float_range=_wider(NOTHING, source),
        real_range=_wider(NOTHING, real),
        grid_range=(largest * (low - zero), largest * (high - zero)),
    )


def saturated(real: NDArray[np.float32], params: QuantParams, limits: tuple[int, int]) -> int:
    """How many values round to a code beyond the limits.

    Args:
        real: Any layout for one scale; the tensor's own where there are several.
        params: Of the grid.
        limits: First and last code.
    """
    scale, zero = params.broadcast(real.ndim)
    codes = np.rint(real.astype(np.float64) / scale) + zero
    return int(np.count_nonzero((codes < limits[0]) | (codes > limits[1])))


def _params(tensor: Tensor) -> QuantParams:
    assert tensor.quant is not None
    return tensor.quant


def _wider(ends: Ends, values: NDArray[np.float32]) -> Ends:
    return min(ends[0], float(values.min())), max(ends[1], float(values.max()))
