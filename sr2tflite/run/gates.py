"""Gates: what the INT8 file must hold, and by how much it does."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Any

from sr2tflite.evaluate.protocols import Score
from sr2tflite.run.artifacts import DEPLOY, MODEL_FREE
from sr2tflite.run.recipe import Gates


@dataclass(frozen=True)
class Figures:
    """What gates look at."""

    psnr_drop_db: float | None
    """Mean PSNR of the float network minus that of the INT8 file; None, as all, where it was not measured."""
    ssim_drop: float | None
    """The same of SSIM."""
    latency_ratio: float | None
    """Median latency of the INT8 file over the float file's."""


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


def judged(gates: Gates, stages: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Gates on what stages told, under the evaluation's first protocol.

    Args:
        gates: The recipe's.
        stages: What each stage told; those that are not there measured nothing.
    """
    psnr_drop, ssim_drop = _drops(stages["evaluate"]) if "evaluate" in stages else (None, None)
    ratio = stages.get("bench", {}).get("ratio")
    return judge(gates, Figures(psnr_drop, ssim_drop, ratio))


def _drops(quality: Mapping[str, Any]) -> tuple[float | None, float | None]:
    first = quality["rows"][0]["protocol"] if quality["rows"] else None
    means = {row["artifact"]: _score(row, quality) for row in quality["rows"] if row["protocol"] == first}
    if not {DEPLOY, MODEL_FREE} <= means.keys():
        return None, None
    return means[MODEL_FREE].drop_from(means[DEPLOY])


def _score(row: Mapping[str, Any], quality: Mapping[str, Any]) -> Score:
    """A row of an evaluation's JSON, where an infinite PSNR is null."""
    psnr = inf if row["psnr"] is None else row["psnr"]
    return Score(psnr, row["ssim"], row["protocol"], quality["image_set"])
