"""A run folder read into a report: what its stages told, what lies in it, and what verbs wrote into it as JSON."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sr2tflite.errors import InputError, Sr2TfliteError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.graph import onnx, tflite
from sr2tflite.run.artifacts import (
    CERTIFICATE,
    DEPLOY,
    MODEL,
    MODEL_FREE,
    PTQ,
    QAT,
    RECIPE,
    ROLES,
    crop_file,
    source_of,
)
from sr2tflite.run.folder import MANIFEST, Facts, RunFolder
from sr2tflite.run.gates import judged
from sr2tflite.run.recipe import Gates
from sr2tflite.run.report import Artifact, Crop, Report
from sr2tflite.run.report.drawing import Drawing, drawing
from sr2tflite.run.report.missing import missing
from sr2tflite.run.report.read_back import (
    Benches,
    Budget,
    Certificate,
    Checked,
    Evaluation,
    Timing,
    Told,
    ToldT,
    json_of,
    of_any_kind,
    parsed,
)

REPORT = "report.json"

SWITCHED = ("train", "finetune", "recalibrate", "qat", "budget", "bench")
"""Stages that a recipe may leave out; what an earlier one left of them in the folder is not of the run."""


def gather(folder: Path, versions: Mapping[str, str] | None = None, added: Sequence[Path] = ()) -> Report:
    """Everything that a run folder says.

    Args:
        folder: Of ``run``, or one with artifacts under the same names.
        versions: Of what made it; None takes them from its last report, or its certificate.
        added: JSON of ``verify``, ``check``, ``bench``, ``budget`` or ``eval`` besides what lies in the folder.

    Raises:
        InputError: It is no such folder, its manifest is damaged, or something added is of no known kind.
    """
    if not (folder / MANIFEST).is_file() and not any((folder / name).is_file() for name in ROLES):
        raise InputError(
            f"holds no run; expected {MANIFEST}, or artifacts such as {DEPLOY}",
            where=str(folder),
            hint="sr2tflite run RECIPE.yaml",
        )
    reading = _Reading(folder)
    report = Report(str(reading.recipe.get("name", folder.resolve().name)), reading.recipe, {})
    report.stages = {name: record["facts"] for name, record in reading.records.items()}
    report.artifacts = reading.artifacts()
    report.certificate = reading.certificate()
    report.versions = dict(versions) if versions is not None else reading.versions(report.certificate)
    hashes = {one.file: one.sha256 for one in report.artifacts}
    figures = reading.of_these_files(reading.figures(), hashes)
    written = reading.of_these_files({**reading.written(added), **{str(path): _given(path) for path in added}}, hashes)
    _take_in(report, [*figures.values(), *written.values()])
    report.findings = judged(reading.gates(), {name: one.model_dump() for name, one in figures.items()})
    report.crops = reading.crops(report.evaluation)
    report.drawing = reading.drawing()
    report.notes = reading.notes
    report.missing = missing(report)
    return report


STAGES: dict[str, type[Told]] = {"evaluate": Evaluation, "budget": Budget, "bench": Timing}
"""The stages whose words are figures."""


def _take_in(report: Report, told: Sequence[Told]) -> None:
    """Give each record its place; of two that tell the same, the later one counts."""
    for one in told:
        match one:
            case Evaluation():
                report.evaluation = one
            case Budget():
                report.budget = one
            case Timing():
                report.benches.append(one.full)
            case Benches():
                report.benches += one.results
            case Checked():
                report.checks.append(one)


def _given(path: Path) -> Told:
    found = of_any_kind(json_of(read_bytes(path), str(path)), str(path))
    if found is None:
        raise InputError("is of no verb; expected what verify, check, bench, budget or eval print", where=str(path))
    return found


def _in_folder(path: Path) -> Told | None:
    return of_any_kind(json_of(read_bytes(path), path.name), path.name)


class _Reading:
    """A folder as it is read; what cannot be used is noted, and the rest goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.recipe = self._recipe()
        self._left_out = {stage for stage in SWITCHED if stage in self.recipe and not self.recipe[stage]}
        records: dict[str, Facts] = RunFolder(folder, make=False).records
        self.records = {name: one for name, one in records.items() if name not in self._left_out}
        for name, record in self.records.items():
            if not isinstance(record["facts"], dict) or not isinstance(record.get("outputs", {}), dict):
                raise InputError("is no manifest of a run", where=f"{folder / MANIFEST}: {name}")

    def _noted(self, file: str, action: Callable[[], ToldT | None]) -> ToldT | None:
        try:
            return action()
        except Sr2TfliteError as error:
            self.notes.append(f"{file}: {error.message}")
            return None

    def _recipe(self) -> dict[str, Any]:
        """The resolved recipe, as it stands; one that an older release wrote need not be one of today's."""
        path = self.folder / RECIPE
        if not path.is_file():
            return {}
        try:
            content = yaml.safe_load(read_bytes(path))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            content = None
        if not isinstance(content, dict):
            self.notes.append(f"{RECIPE}: holds no recipe")
            return {}
        return content

    def gates(self) -> Gates:
        """The recipe's."""
        try:
            return Gates.model_validate(self.recipe.get("gates") or {})
        except ValidationError:
            self.notes.append(f"{RECIPE}: gates are none of this release")
            return Gates()

    def _holds(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def artifacts(self) -> list[Artifact]:
        """Every file of a run that is there."""
        present = [name for name, role in ROLES.items() if role.stage not in self._left_out and self._holds(name)]
        recorded = {file: digest for record in self.records.values() for file, digest in record["outputs"].items()}
        proofs = self._proofs()
        found = []
        for name in present:
            data, source = read_bytes(self.folder / name), source_of(name, present)
            made_from = (source,) if source else ()
            role = ROLES[name]
            one = Artifact(
                name, role.what, role.stage, made_from, len(data), sha256(data), recorded.get(name), proofs.get(name)
            )
            found.append(one)
        return found

    def figures(self) -> dict[str, Told]:
        """What the stages told that measure something, by stage."""
        found: dict[str, Told] = {}
        for name, kind in STAGES.items():
            if name in self.records:
                facts = self.records[name]["facts"]
                told = self._noted(f"{MANIFEST}: {name}", partial(parsed, kind, facts, MANIFEST))
                found |= {name: told} if told is not None else {}
        return found

    def of_these_files(self, told: Mapping[str, Told], hashes: Mapping[str, str]) -> dict[str, Told]:
        """What is about the files as they are now; what is about others of the same names is noted."""
        found = {}
        for source, one in told.items():
            other = [name for name, digest in one.subjects if hashes.get(name, digest) != digest]
            if other:
                self.notes.append(f"{source}: is about another {other[0]} than the one here")
            else:
                found[source] = one
        return found

    def _proofs(self) -> dict[str, str]:
        files = self.records.get("export", {}).get("facts", {}).get("files", [])
        told = [one for one in files if isinstance(one, dict)] if isinstance(files, list) else []
        return {str(one.get("file")): str(one.get("proof")) for one in told}

    def certificate(self) -> Certificate | None:
        """Of the fusion."""
        path = self.folder / CERTIFICATE
        if not self._holds(CERTIFICATE):
            return None
        return self._noted(CERTIFICATE, lambda: parsed(Certificate, json_of(read_bytes(path), CERTIFICATE), ""))

    def versions(self, certificate: Certificate | None) -> dict[str, str]:
        """Of what made it: as the run's own report says, else as the certificate does."""
        path = self.folder / REPORT
        if self._holds(REPORT):
            try:
                content = json_of(read_bytes(path), REPORT)
            except InputError as error:
                self.notes.append(f"{REPORT}: {error.message}")
                content = None
            told = content.get("versions") if isinstance(content, dict) else None
            if isinstance(told, dict):
                return {str(name): str(version) for name, version in told.items()}
        return dict(certificate.tools) if certificate else {}

    def written(self, added: Sequence[Path]) -> dict[str, Told]:
        """What verbs wrote into the folder as JSON, by name; files that are no verb's are left alone."""
        ours = {MANIFEST, REPORT, CERTIFICATE}
        given = {path.resolve() for path in added}
        paths = [path for path in sorted(self.folder.glob("*.json")) if path.name not in ours and path.is_file()]
        found = {
            path.name: self._noted(path.name, partial(_in_folder, path)) for path in paths if path.resolve() not in given
        }
        return {name: one for name, one in found.items() if one is not None}

    def crops(self, evaluation: Evaluation | None) -> list[Crop]:
        """The pictures; their numbers are those of the images."""
        images = evaluation.images if evaluation else ()
        named = [Crop(image, crop_file(number)) for number, image in enumerate(images, 1)]
        return [crop for crop in named if self._holds(crop.file)]

    def drawing(self) -> Drawing | None:
        """The graph of the file that counts, the first of those that are there."""
        for name in (MODEL, MODEL_FREE, QAT, PTQ, DEPLOY):
            path = self.folder / name
            if self._holds(name):
                codec = tflite if path.suffix == ".tflite" else onnx
                try:
                    return drawing(codec.read(read_bytes(path), name), name)
                except Sr2TfliteError as error:
                    self.notes.append(f"{name}: {error.message}")
        return None
