"""The report of a run: what it holds, once, for ``report.json``, ``report.md`` and ``report.html``."""

from dataclasses import asdict, dataclass, field
from typing import Any

from sr2tflite.run.gates import Finding
from sr2tflite.run.report.drawing import Drawing
from sr2tflite.run.report.told.budget import Budget
from sr2tflite.run.report.told.certificate import Certificate
from sr2tflite.run.report.told.findings import Checked
from sr2tflite.run.report.told.latency import Bench
from sr2tflite.run.report.told.quality import Evaluation

SCHEMA = "sr2tflite.report/1"


@dataclass(frozen=True)
class Artifact:
    """A file of the run."""

    file: str
    what: str
    stage: str
    """That makes it."""

    made_from: tuple[str, ...]
    """Files of the folder, or the weights that came from outside."""

    size_bytes: int
    sha256: str
    """As it is now."""

    recorded: str | None
    """The hash that its stage noted when it was made; None where there is no note."""

    proof: str | None = None
    """What export found when it read the file back."""

    @property
    def is_changed(self) -> bool:
        """Whether it is another file than the stage made."""
        return self.recorded is not None and self.recorded != self.sha256


@dataclass(frozen=True)
class Crop:
    """A part of an evaluation image, as each artifact renders it."""

    image: str
    file: str
    """The picture in the run folder."""


@dataclass(frozen=True)
class Missing:
    """A part that the folder says nothing of."""

    part: str
    """The section's name."""

    reason: str
    command: str
    """To be typed in the run folder."""


@dataclass
class Report:
    """Everything a run found out."""

    name: str
    recipe: dict[str, Any]
    versions: dict[str, str]
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each stage told, as it told it."""

    findings: list[Finding] = field(default_factory=list)
    """One for each gate."""

    crops: list[Crop] = field(default_factory=list)
    """In the order of the evaluation's images."""

    artifacts: list[Artifact] = field(default_factory=list)
    evaluation: Evaluation | None = None
    budget: Budget | None = None
    benches: list[Bench] = field(default_factory=list)
    certificate: Certificate | None = None
    checks: list[Checked] = field(default_factory=list)
    drawing: Drawing | None = None
    missing: list[Missing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What of the folder could not be used, and why."""

    @property
    def passed(self) -> bool:
        """Whether every gate holds."""
        return all(finding.holds for finding in self.findings)

    @property
    def student(self) -> str | None:
        """The name of the student, or of the checkpoint, that the recipe starts from."""
        told = self.recipe.get("student")
        name = told.get("name") if isinstance(told, dict) else told
        return None if name is None else str(name)

    def lacks(self, part: str) -> Missing | None:
        """Why a part is not there."""
        return next((one for one in self.missing if one.part == part), None)

    def to_json(self) -> dict[str, Any]:
        """Plain data with a schema version."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "recipe": self.recipe,
            "versions": self.versions,
            "stages": self.stages,
            "gates": [finding.to_json() for finding in self.findings],
            "passed": self.passed,
            "artifacts": [{**asdict(one), "changed": one.is_changed} for one in self.artifacts],
            "graph": self.drawing and self.drawing.to_json(),
            "certificate": self.certificate and self.certificate.model_dump(mode="json"),
            "benches": [one.model_dump(mode="json") for one in self.benches],
            "checks": [one.model_dump(mode="json") for one in self.checks],
            "budget": self.budget and self.budget.model_dump(mode="json"),
            "crops": [asdict(one) for one in self.crops],
            "missing": [asdict(one) for one in self.missing],
            "notes": self.notes,
        }
