"""What is concluded from times: how a file compares with another, and what a challenge would make of it."""

from dataclasses import dataclass

from sr2tflite.bench.figures import compared, interval


@dataclass(frozen=True)
class Ratio:
    """The latency of one model over the first one's, with a confidence interval; see ``bench.ratio``."""

    model: str
    reference: str
    ratio: float
    low: float
    high: float
    confidence: float
    """How surely the interval holds the ratio, 0…1; too few rounds allow little."""

    @property
    def interval(self) -> str:
        """In words."""
        return interval(self.low, self.high, self.confidence)

    def __str__(self) -> str:
        return f"{compared(self.model, self.reference, self.ratio)} ({self.interval})"


@dataclass(frozen=True)
class Score:
    """A challenge's score with this device's latency; see ``bench.score``."""

    model: str
    year: str
    score: float
    psnr: float
    latency_ms: float
    """Median."""

    device: str
    """Whose latency it is."""

    note: str
    """How it differs from the challenge's own."""
