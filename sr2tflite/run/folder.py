"""The run folder: artifacts, and a manifest of what each stage was made from; a stage that stands is skipped."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2tflite import __version__
from sr2tflite.errors import InputError
from sr2tflite.files import make_folder, read_bytes, sha256, write_text
from sr2tflite.run.digests import Digests

MANIFEST = "manifest.json"
Facts = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """One step of a run: its name, what it depends on, and the files it makes."""

    name: str
    settings: Any
    """Plain data that decides the result."""
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    work: Path | None = None
    """A folder with the state of unfinished work; worthless once the inputs change."""


def _stages(manifest: Path) -> dict[str, Facts]:
    """The record of every stage, by name."""
    hint = f"remove {manifest.parent} to start anew"
    try:
        stages = json.loads(read_bytes(manifest))
    except ValueError as error:
        raise InputError("is not JSON", where=str(manifest), hint=hint) from error
    if not isinstance(stages, dict) or not all(isinstance(record, dict) for record in stages.values()):
        raise InputError("is no manifest of a run", where=str(manifest), hint=hint)
    return stages


class RunFolder:
    """A folder that remembers how its files came about.

    Args:
        path: Made when there is none.
        make: False leaves the disk as it is.
        digests: Of files that were hashed before.
    """

    def __init__(self, path: Path, *, make: bool = True, digests: Digests | None = None) -> None:
        self.path, self._digest = path, digests or Digests()
        if make:
            make_folder(path)
        manifest = path / MANIFEST
        self._stages: dict[str, Facts] = _stages(manifest) if manifest.exists() else {}

    @property
    def records(self) -> dict[str, Facts]:
        """What is noted of every stage that was carried out to its end: its outputs' hashes and its facts."""
        return {name: record for name, record in self._stages.items() if "facts" in record}

    def key(self, stage: Stage) -> str:
        """The hash of everything a stage depends on."""
        files = [self._digest(path) for path in stage.inputs]
        return sha256(json.dumps([__version__, stage.name, stage.settings, files], sort_keys=True).encode())

    def stands(self, stage: Stage) -> bool:
        """Whether the stage's files are there and were made from exactly these inputs."""
        if not all(path.exists() for path in stage.inputs):
            return False
        record = self._stages.get(stage.name)
        if record is None or record.get("key") != self.key(stage):
            return False
        return all(path.exists() and record["outputs"].get(path.name) == self._digest(path) for path in stage.outputs)

    def run(self, stage: Stage, action: Callable[[], Facts]) -> tuple[Facts, bool]:
        """Carry a stage out unless it stands.

        Returns:
            (facts, whether it was skipped): what the action returned, now or when it was carried out.
        """
        if self.stands(stage):
            facts: Facts = self._stages[stage.name]["facts"]
            return facts, True
        key = self.key(stage)
        before = self._stages.get(stage.name, {}).get("started")
        if stage.work is not None and before != key:
            shutil.rmtree(stage.work, ignore_errors=True)
        self._record(stage.name, {"started": key})
        done = action()
        hashes = {path.name: self._digest(path) for path in stage.outputs}
        self._record(stage.name, {"started": key, "key": key, "outputs": hashes, "facts": done})
        return done, False

    def outputs(self) -> dict[str, tuple[str, str]]:
        """File name → (stage that made it, hex SHA-256 that it had then), of all stages that ended."""
        made = ((stage, record.get("outputs")) for stage, record in self._stages.items())
        return {
            str(name): (stage, str(digest))
            for stage, hashes in made
            if isinstance(hashes, dict)
            for name, digest in hashes.items()
        }

    def _record(self, name: str, record: Facts) -> None:
        self._stages[name] = record
        write_text(self.path / MANIFEST, json.dumps(self._stages, indent=1))
