"""How to measure on phones."""

from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal

from sr2tflite.bench.phone.cooling import Cooling
from sr2tflite.bench.phone.delegates import Delegate
from sr2tflite.errors import InputError

BIG: Literal["big"] = "big"
ANY: Literal["any"] = "any"


@dataclass(frozen=True)
class PhonePlan:
    """How to measure on each phone."""

    threads: tuple[int, ...] = (1,)
    """A result for each."""

    warmup: int = 2
    """Inferences after the first one that are not counted, at least."""

    runs: int = 5
    """Timed inferences a round, at least."""

    seconds: float = 1.0
    """That the warm-up takes at least, and the timed inferences likewise: clocks rise slowly."""

    rounds: int = 12
    """Of eleven on, a ratio's interval holds it with 99.9 % (``bench.ratio``)."""

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
    """Whether passes of their own tell the memory, and which ops were left out by the delegate."""

    ops: bool = False
    """Whether the times of single ops are kept."""

    def check(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            InputError: A number is out of range.
        """
        if not self.threads or min(*self.threads, self.runs, self.rounds, *self.size) < 1:
            raise InputError("threads, runs, rounds and size must be at least 1")
        if not isfinite(self.cooling.max_c):
            raise InputError(f"the temperature to wait for is {self.cooling.max_c}; expected a number of °C")
        if not all(isfinite(seconds) for seconds in (self.seconds, self.limit_s, self.cooling.limit_s)):
            raise InputError("seconds and time limits must be numbers of seconds")
        if min(self.warmup, self.seconds) < 0 or min(self.limit_s, self.cooling.limit_s) <= 0:
            raise InputError("warm-up and seconds must be at least 0, time limits more than 0")
