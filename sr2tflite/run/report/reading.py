"""A run folder as it is read: what cannot be used is noted, and the rest goes on."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sr2tflite.errors import InputError, Sr2TfliteError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.graph import onnx, tflite
from sr2tflite.registry import parse_yaml
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
from sr2tflite.run.recipe import Gates
from sr2tflite.run.report import Artifact, Crop
from sr2tflite.run.report.drawing import Drawing, drawing
from sr2tflite.run.report.told import Told, ToldT, Versions, json_of, parsed
from sr2tflite.run.report.told.budget import Budget
from sr2tflite.run.report.told.certificate import Certificate
from sr2tflite.run.report.told.kinds import of_any_kind
from sr2tflite.run.report.told.latency import Timing
from sr2tflite.run.report.told.quality import Evaluation

REPORT = "report.json"

SWITCHED = ("train", "finetune", "recalibrate", "qat", "budget", "bench")
"""Stages that a recipe may leave out; what an earlier one left of them in the folder is not of the run."""

STAGES: dict[str, type[Told]] = {"evaluate": Evaluation, "budget": Budget, "bench": Timing}
"""The stages whose words are figures."""


def _in_folder(path: Path) -> Told | None:
    return of_any_kind(json_of(read_bytes(path), path.name), path.name)


def _plain(value: Any) -> Any:
    """What JSON can hold of what YAML can: a date becomes its text."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    is_json = value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and isfinite(value))
    return value if is_json else str(value)


class Reading:
    """A folder as it is read.

    Args:
        folder: The run's.

    Raises:
        InputError: Its manifest is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.recipe = self._recipe()
        self._left_out = {stage for stage in SWITCHED if stage in self.recipe and not self.recipe[stage]}
        manifest = RunFolder(folder, make=False)
        records: dict[str, Facts] = manifest.records
        self.records = {name: one for name, one in records.items() if name not in self._left_out}
        for name, record in self.records.items():
            if not isinstance(record["facts"], dict):
                raise InputError("is no manifest of a run", where=f"{folder / MANIFEST}: {name}")
        self._recorded = {file: digest for file, (_, digest) in manifest.outputs().items()}

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
        data = read_bytes(path)
        try:
            # a resolved recipe repeats nothing by reference, of which a few lines could become gigabytes
            is_plain = not any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, yaml.SafeLoader))
            content = _plain(parse_yaml(data)) if is_plain else None
        except (yaml.YAMLError, ValueError, RecursionError):
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
        proofs = self._proofs()
        found = []
        for name in present:
            data, source = read_bytes(self.folder / name), source_of(name, present)
            made_from = (source,) if source else ()
            role = ROLES[name]
            hashes = sha256(data), self._recorded.get(name)
            found.append(Artifact(name, role.what, role.stage, made_from, len(data), *hashes, proofs.get(name)))
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
        if self._holds(REPORT):
            data = read_bytes(self.folder / REPORT)
            made = self._noted(REPORT, lambda: parsed(Versions, json_of(data, REPORT), ""))
            if made is not None:
                return made.versions
        return dict(certificate.tools) if certificate else {}

    def written(self, added: Sequence[Path]) -> dict[str, Told]:
        """What verbs wrote into the folder as JSON, by name; files that are no verb's are left alone."""
        ours = {MANIFEST, REPORT, CERTIFICATE}
        given = {path.resolve() for path in added}
        paths = [path for path in sorted(self.folder.glob("*.json")) if path.name not in ours and path.is_file()]
        found = {
            path.name: self._noted(path.name, partial(_in_folder, path))
            for path in paths
            if path.resolve() not in given
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
