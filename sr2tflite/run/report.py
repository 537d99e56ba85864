"""The report of a run: ``report.json`` for machines, ``report.md`` for people."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sr2tflite.run.gates import Finding

SCHEMA = 1
COSTLIEST = 5
"""Rows of the budget that the page spells out; the picture has the others."""


@dataclass
class Report:
    """Everything a run found out, stage by stage."""

    name: str
    recipe: dict[str, Any]
    versions: dict[str, str]
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    crops: list[tuple[str, str]] = field(default_factory=list)
    """Image name and the picture's file name."""

    def to_json(self) -> dict[str, Any]:
        """Plain data with a schema version."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "recipe": self.recipe,
            "versions": self.versions,
            "stages": self.stages,
            "gates": [finding.to_json() for finding in self.findings],
            "passed": all(finding.holds for finding in self.findings),
        }

    def to_markdown(self) -> str:
        """The page for people."""
        body = [self._verdict(), *self._quality(), *self._proof(), *self._budget(), *self._latency(), *self._pictures()]
        return "\n\n".join([f"# {self.name}", *body]) + "\n"

    def _verdict(self) -> str:
        if not self.findings:
            return "No gate is set."
        verdicts = {True: "holds", False: "**fails**"}
        rows = [(f.gate, _number(f.bound), _number(f.measured), verdicts[f.holds]) for f in self.findings]
        return "## Gates\n\n" + table(("gate", "bound", "measured", ""), rows)

    def _quality(self) -> list[str]:
        quality = self.stages.get("evaluate")
        if quality is None:
            return []
        rows = [(r["artifact"], r["protocol"], _number(r["psnr"]), _number(r["ssim"])) for r in quality["rows"]]
        apart = [
            (d["artifact"], _number(d["psnr"]), *(f"{100 * share:.3f} %" for share in d["steps"].values()))
            for d in quality["differences"]
        ]
        labels = tuple(f"{step} LSB" for step in (quality["differences"] or [{"steps": {}}])[0]["steps"])
        reference = quality["artifacts"][1]["name"]
        return [
            "## Quality",
            f"Images: {', '.join(quality['images'])}",
            table(("artifact", "protocol", "PSNR, dB", "SSIM"), rows),
            f"Against `{reference}`:",
            table(("artifact", "PSNR, dB", *labels), apart),
        ]

    def _proof(self) -> list[str]:
        parts = ["## The file"]
        if "fuse" in self.stages:
            parts.append(f"Fused: {self.stages['fuse']['summary']}")
        if "export" in self.stages:
            files = self.stages["export"]["files"]
            parts += [f"- `{one['file']}` ({one['size_bytes']:,} bytes): {one['proof']}" for one in files]
        return ["\n".join(parts)] if len(parts) > 1 else []

    def _budget(self) -> list[str]:
        found = self.stages.get("budget")
        if found is None:
            return []
        rows = [
            (f"{row['name']}, {row['kind']}", *(_number(row["cost"][key]) for key in ("against_float", "against_hr")))
            for row in found["rows"][:COSTLIEST]
        ]
        return [
            "## What quantization costs",
            "dB gained when one tensor alone is left unquantized, the most expensive first:",
            table(("tensor", "against float", f"against HR, {found['protocol']}"), rows),
            "![every tensor](budget.png)",
        ]

    def _latency(self) -> list[str]:
        latency = self.stages.get("bench")
        if latency is None:
            return []
        keys = ("min_ms", "median_ms", "p95_ms")
        rows = [(row["file"], *(f"{row[key]:.1f}" for key in keys), row["verdict"]) for row in latency["rows"]]
        return [
            "## Latency on this machine",
            table(("file", "min, ms", "median, ms", "p95, ms", ""), rows),
            latency["summary"],
        ]

    def _pictures(self) -> list[str]:
        if not self.crops:
            return []
        return ["## Crops", *(f"{image}\n\n![{image}]({file})" for image, file in self.crops)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
