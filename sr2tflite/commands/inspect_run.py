"""A run folder, looked at: its artifacts, and whether they are still those that its manifest names."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sr2tflite.commands.inspection import Inspection
from sr2tflite.errors import InputError, Sr2TfliteError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.run.folder import MANIFEST, RunFolder

_SUFFIXES = (".safetensors", ".onnx", ".tflite")
"""In the order in which a run makes them."""


def inspect_run(folder: Path, look: Callable[[Path], Inspection]) -> Inspection:
    """Every artifact in a run folder.

    Args:
        folder: Where a recipe was carried out.
        look: At one file.

    Raises:
        InputError: The folder holds no manifest, or a damaged one.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise InputError(
            f"holds no {MANIFEST}; expected a run folder", where=str(folder), hint="name one of the files in it"
        )
    made = RunFolder(folder, make=False).outputs()
    files, unknown = [], []
    for path in _artifacts(folder):
        try:
            found = look(path)
        except Sr2TfliteError as error:
            unknown.append(str(error).splitlines()[0])
        else:
            files.append(replace(found, words=f"{found.words}; {_origin(found, made)}"))
    unknown += [f"{name}: is gone; {made[name][0]} made it" for name in made if not (folder / name).exists()]
    data = read_bytes(manifest)
    best = next((one.path for one in files if one.kind == "tflite"), folder / "model.tflite")
    return Inspection(
        folder,
        "run",
        f"run folder, {len(files)} artifacts",
        sum(one.size_bytes for one in files),
        sha256(data),
        f"sr2tflite inspect {shlex.quote(str(best))} --tree",
        unknown=tuple(unknown),
        files=tuple(files),
    )


def _artifacts(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.suffix in _SUFFIXES and path.is_file()]
    return sorted(found, key=lambda path: (_SUFFIXES.index(path.suffix), path.name))


def _origin(found: Inspection, made: dict[str, tuple[str, str]]) -> str:
    stage, digest = made.get(found.path.name, ("", ""))
    if not stage:
        return "no stage made it"
    return f"by {stage}" if digest == found.sha256 else f"CHANGED since {stage} made it"
