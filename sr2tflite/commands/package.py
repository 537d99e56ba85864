"""``sr2tflite package``: the files of a submission in one archive, asked what its scorers would ask."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2tflite.check.archive import archive_of
from sr2tflite.check.gate import Gate
from sr2tflite.check.package import ROLES, Tried
from sr2tflite.check.profile import load_profile, profiles
from sr2tflite.commands.challenge import challenge_files
from sr2tflite.commands.check import Given, check
from sr2tflite.errors import InputError
from sr2tflite.export.challenges import FOLDER, NAMES, Challenge
from sr2tflite.files import read_bytes, sha256, write_bytes
from sr2tflite.progress import Progress, silent
from sr2tflite.run.folder import MANIFEST

SCHEMA = "sr2tflite.package/1"

QUANTIZED = ("qat.onnx", "ptq.onnx")
"""What a run folder may end in, the better first."""


@dataclass(frozen=True)
class Packed:
    """A submission, written and checked."""

    path: Path
    size_bytes: int
    sha256: str
    files: tuple[str, ...]
    """Within it."""

    source: Path | None
    """The QDQ ONNX that all files were made from; None where they were given."""

    gate: Gate

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``schema`` names its form."""
        return {
            "schema": SCHEMA,
            "path": str(self.path),
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "files": list(self.files),
            "source": None if self.source is None else str(self.source),
            "passed": self.gate.passed,
            "next": self.gate.following,
            "check": self.gate.to_json(),
        }


def package(
    source: Path | Mapping[str, Path],
    profile: str,
    target: Path,
    tried: Tried | None = None,
    *,
    progress: Progress = silent,
) -> Packed:
    """Write a submission and check what was written.

    Args:
        source: A run folder or a QDQ ONNX, of which all files are made; or the files, by role.
        profile: Of a challenge's submissions.
        target: The zip archive to write.
        tried: What the check runs it on.
        progress: Told how it goes.

    Returns:
        The archive, and what the profile says of it; it is kept where a rule says no.

    Raises:
        InputError: The source is no run folder with a quantized model, a file is not there, or the profile is not
            about submissions.
        StorageError: The archive cannot be written.
        UnsupportedError: The model holds what a runtime would refuse.
        VerificationError: A file is not the graph, or fixed and free file differ.
    """
    challenge = _challenge(profile)
    if isinstance(source, Path):
        model: Path | None = _quantized(source)
        made = challenge_files(_quantized(source), challenge.name, progress=progress).files
        files = {name: file.made.data for name, file in made.items()}
    else:
        model, files = None, _given(source, challenge)
    data = archive_of({f"{FOLDER}/{name}": content for name, content in files.items()})
    write_bytes(target, data)
    gate = check(target, [profile], Given(tried=tried or Tried()), progress=progress)
    return Packed(target, len(data), sha256(data), tuple(sorted(f"{FOLDER}/{name}" for name in files)), model, gate)


def _challenge(profile: str) -> Challenge:
    challenge = load_profile(profile).challenge
    if challenge is None:
        about = [name for name in profiles() if load_profile(name).challenge]
        raise InputError(f"profile {profile} is about single files", hint=f"one of: {', '.join(about)}")
    return challenge


def _quantized(source: Path) -> Path:
    """The QDQ ONNX of a run: of its last stage that made one."""
    if not source.is_dir():
        return source
    if not (source / MANIFEST).exists():
        raise InputError("is no run folder", where=str(source), hint="sr2tflite run RECIPE.yaml makes one")
    try:
        stages = json.loads(read_bytes(source / MANIFEST))
    except ValueError as error:
        raise InputError("is not JSON", where=str(source / MANIFEST), hint="sr2tflite run RECIPE.yaml") from error
    for name in QUANTIZED:
        stage = stages.get(Path(name).stem) if isinstance(stages, dict) else None
        if isinstance(stage, dict) and "outputs" in stage and (source / name).exists():
            return source / name
    raise InputError("holds no quantized model yet", where=str(source), hint="the same sr2tflite run goes on from here")


def _given(files: Mapping[str, Path], challenge: Challenge) -> dict[str, bytes]:
    needed = [role for role in ROLES if role != "float" or challenge.asks_float]
    if absent := [role for role in needed if role not in files]:
        raise InputError(f"{challenge.name} asks for {len(needed)} files", hint=f"give --{absent[0]} FILE.tflite too")
    return {NAMES[role]: read_bytes(files[role]) for role in ROLES if role in files}
