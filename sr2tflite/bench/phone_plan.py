"""How to measure on phones."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sr2tflite.bench.cooling import Cooling
from sr2tflite.bench.delegates import Delegate

BIG: Literal["big"] = "big"
ANY: Literal["any"] = "any"


@dataclass(frozen=True)
class PhonePlan:
    """How to measure on each phone."""

    threads: tuple[int, ...] = (1,)
    """A result for each."""

    warmup: int = 2
    runs: int = 10
    rounds: int = 3
    size: tuple[int, int] = (720, 1280)
    """Height and width for free-shape files."""

    delegate: Delegate = field(default_factory=Delegate)
    affinity: str = BIG
    """``big`` is the fastest processors as many as there are threads, ``any`` all, else a hexadecimal mask."""

    cooling: Cooling = field(default_factory=Cooling)
    limit_s: float = 600.0
    """For one call of ``benchmark_model``."""

    benchmark_model: Path | None = None
    """A binary, or a folder of one for each ABI; None is the cache."""

    checks_output: bool = True
    profiles: bool = True
    """Whether passes of their own tell the times of single ops, and the memory."""
