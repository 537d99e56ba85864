"""Gates: what the INT8 file must hold, and by how much it does."""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from sr2tflite.run.recipe import Gates


@dataclass(frozen=True)
class Figures:
    """What gates look at."""

    psnr_drop_db: float
    """Mean PSNR of the float network minus that of the INT8 file."""
    ssim_drop: float
    """The same of SSIM."""
    latency_ratio: float | None
    """Median latency of the INT8 file over the float file's; None where it was not measured."""


@dataclass(frozen=True)
class Finding:
    """One gate: its bound, what was measured, and whether it holds."""

    gate: str
    bound: float
    measured: float | None
    holds: bool

    def to_json(self) -> dict[str, Any]:
        """Plain data; an infinite measure is null."""
        measured = self.measured if self.measured is not None and isfinite(self.measured) else None
        return {**asdict(self), "measured": measured}


def judge(gates: Gates, figures: Figures) -> list[Finding]:
    """A finding for each gate the recipe sets; a figure that was not measured does not hold its gate."""
    findings = []
    for gate, bound in gates.model_dump().items():
        if bound is not None:
            measured = getattr(figures, gate)
            findings.append(Finding(gate, bound, measured, measured is not None and measured <= bound))
    return findings
