"""``sr2tflite verify``: is the file what was trained? The profile ``integrity``, asked of a ``.tflite``."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sr2tflite.check.case import Case
from sr2tflite.check.draw import png
from sr2tflite.check.engine import Report, ask
from sr2tflite.check.finding import Finding
from sr2tflite.check.profile import load_profile
from sr2tflite.errors import InputError, StorageError
from sr2tflite.files import other_kind, quoted, write_bytes
from sr2tflite.progress import Progress, silent

PROFILE = "integrity"


def verify(
    model: Path,
    *,
    against: Path | None = None,
    data: Sequence[Path] = (),
    limit: int = 16,
    min_runtime: str | None = None,
    maps: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Look for a difference between a file and what it should be.

    Args:
        model: A quantized ``.tflite``.
        against: The QDQ ONNX that it was exported from, or another ``.tflite``; None compares it with itself alone.
        data: Images, or folders of them, fed as they are; none for generated ones and the project's photographs.
        limit: At most so many photographs.
        min_runtime: The oldest TensorFlow Lite release that must load the file, as ``2.14``.
        maps: Folder for error maps, made when there is one to draw; None is ``model.verify`` beside the file.
        progress: Told what is looked at.

    Returns:
        Every rule with what it looked at and found; ``passed`` where nothing differs.

    Raises:
        InputError: A file is damaged, float, or of another kind; an image cannot be read; ``min_runtime`` is no
            release.
        StorageError: ``maps`` cannot be written; beside the file, it goes without.
        UnsupportedError: A tensor's type is outside the deploy graph, or it has several inputs or outputs.
    """
    if model.suffix != ".tflite":
        raise other_kind(model, ".tflite", "sr2tflite export QDQ.onnx --int8 --free-shape -o model.tflite")
    if min_runtime is not None and not re.fullmatch(r"\d+(\.\d+)+", min_runtime):
        raise InputError(f"--min-runtime is {min_runtime!r}; expected a release, as 2.14")
    profile = load_profile(PROFILE, {} if min_runtime is None else {"op_versions": {"min_runtime": min_runtime}})
    case = Case(model, against=against, folders=data, limit=limit, progress=progress)
    if case.is_truthful:
        _refuse_unverifiable(case)
    report = ask(profile, case)
    if maps is not None:
        return _drawn(report, maps)
    try:
        return _drawn(report, model.with_suffix(".verify"))
    except StorageError:  # nobody asked for the maps: the verdict goes without them
        return report


def _refuse_unverifiable(case: Case) -> None:
    """Read all files before anything is looked at; what is read is kept."""
    if not case.graph.is_quantized:
        raise InputError(
            "holds no integers: it is a float file; expected a quantized one",
            where=str(case.path),
            hint=f"sr2tflite eval {quoted(case.path)} --data DIR judges its quality",
        )
    _ = case.samples
    if case.against is not None:
        _ = case.pairing


def _drawn(report: Report, folder: Path) -> Report:
    """Draw the maps of what differs and name their files in the findings."""
    changed: dict[int, Finding] = {}
    names: set[Path] = set()
    for rule in report.rules:
        for finding in rule.checked.findings:
            if finding.error_map is not None:
                tensor = re.sub(r"[^\w.-]+", "_", finding.error_map.place.tensor or "output")
                paths = (folder / f"{rule.rule}-{tensor}{suffix}.png" for suffix in ("", *range(2, 1000)))
                path = next(one for one in paths if one not in names)
                names.add(path)
                write_bytes(path, png(finding.error_map))
                changed[id(finding)] = replace(finding, error_map_file=path)
    return report.with_findings(changed)
