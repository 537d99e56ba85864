"""A histogram that grows with what it sees: constant memory, one pass, bins that are powers of two wide."""

from math import frexp

import numpy as np
import torch
from numpy.typing import NDArray

BINS = 16384
"""Over −limit…limit, limit a power of two: an end of a range is known to within 1/8192…1/4096 of it."""


class Histogram:
    """Counts of values in ``BINS`` equal bins over −limit…limit; the limit doubles when a value lies outside."""

    def __init__(self) -> None:
        self.limit = 2.0**-20
        self.counts: NDArray[np.int64] = np.zeros(BINS, np.int64)
        self.low = 0.0
        """Smallest value seen, or zero."""
        self.high = 0.0
        """Largest value seen, or zero."""

    def add(self, values: torch.Tensor) -> None:
        """Count some float32 values."""
        low, high = (float(end) for end in values.aminmax())
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._grow(max(-low, high))
        counts = torch.histc(values.float().reshape(-1), BINS, -self.limit, self.limit)
        self.counts += counts.cpu().numpy().astype(np.int64)

    def _grow(self, magnitude: float) -> None:
        while magnitude > self.limit:
            doublings = max(frexp(magnitude)[1] - frexp(self.limit)[1], 1)
            for _ in range(min(doublings, 64)):
                quarter = BINS // 4
                pairs = self.counts.reshape(-1, 2).sum(axis=1)
                self.counts = np.zeros(BINS, np.int64)
                self.counts[quarter : BINS - quarter] = pairs
                self.limit *= 2

    @property
    def centers(self) -> NDArray[np.float64]:
        """The middle of each bin."""
        width = 2 * self.limit / BINS
        return np.asarray(-self.limit + width * (np.arange(BINS) + 0.5), np.float64)

    def percentile(self, share: float) -> float:
        """The value under which ``share`` (0…1) of all values lie, to within a bin."""
        cumulative = np.cumsum(self.counts)
        if not cumulative[-1]:
            return 0.0
        index = int(np.searchsorted(cumulative, share * cumulative[-1]))
        return float(np.clip(self.centers[min(index, BINS - 1)], self.low, self.high))
