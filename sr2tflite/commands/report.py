"""``sr2tflite report``: what a run folder says, as a page, as text and as data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2tflite.errors import InputError
from sr2tflite.files import write_text
from sr2tflite.progress import Progress, silent
from sr2tflite.run.artifacts import CHART, DEPLOY, MODEL, MODEL_FREE, PTQ, QAT, RECIPE, source_of
from sr2tflite.run.recipe import load
from sr2tflite.run.report import Report
from sr2tflite.run.report.gather import gather
from sr2tflite.run.report.markdown import markdown

SUFFIXES = (".html", ".md", ".json")
PAGE = "report.html"


@dataclass(frozen=True)
class Making:
    """What is made before the report is, as JSON in the run folder."""

    verify: bool = False
    """The findings of ``verify``."""

    budget: int = 0
    """What each tensor costs, on so many images of each of the recipe's evaluation folders; 0 makes none."""


def report(
    folder: Path,
    targets: Sequence[Path],
    *,
    added: Sequence[Path] = (),
    making: Making = Making(),
    progress: Progress = silent,
) -> Report:
    """Read a run folder and write its report.

    Args:
        folder: Of ``run``, or one with artifacts under the same names.
        targets: Files that end in ``.html``, ``.md`` or ``.json``; none only returns the report.
        added: JSON of ``verify``, ``check``, ``bench``, ``budget`` or ``eval``, besides what lies in the folder.
        making: What is made first.
        progress: Told how that goes.

    Raises:
        InputError: It is no such folder, something added is of no known kind, a target's name ends otherwise, or what
            is to be made lacks a file.
        StorageError: A target cannot be written.
        Sr2TfliteError: Whatever ``verify`` or ``budget`` raises.
    """
    for target in targets:
        if target.suffix not in SUFFIXES:
            expected = ", ".join(SUFFIXES)
            raise InputError(f"is named {target.suffix or 'without an ending'}; expected {expected}", where=str(target))
    if making.verify:
        _verify(folder, progress)
    if making.budget:
        _measure(folder, making.budget, progress)
    found = gather(folder, added=added)
    write(found, folder, targets)
    return found


def write(found: Report, folder: Path, targets: Sequence[Path]) -> None:
    """Write a report in every form that is asked for."""
    # the page first: it notes what pictures cannot be used
    for target in sorted(targets, key=lambda path: SUFFIXES.index(path.suffix)):
        write_text(target, _text(found, folder, target))


def _verify(folder: Path, progress: Progress) -> None:
    from sr2tflite.commands.verify import verify

    model = next((folder / name for name in (MODEL, MODEL_FREE) if (folder / name).is_file()), folder / MODEL)
    _keep(folder / "verify.json", verify(model, against=_quantized(folder), progress=progress).to_json())


def _measure(folder: Path, limit: int, progress: Progress) -> None:
    from sr2tflite.commands.budget import On, budget

    recipe = load(folder / RECIPE)
    on = On(recipe.data.evaluate, protocol=recipe.evaluate.protocols[0], limit=limit)
    chart = folder / CHART
    found = budget(_quantized(folder) or folder / QAT, folder / DEPLOY, on, plot=chart, progress=progress)
    _keep(folder / "budget.json", found.to_json())


def _quantized(folder: Path) -> Path | None:
    """What the INT8 file was made from; None where that is not in the folder."""
    name = source_of(MODEL, [name for name in (QAT, PTQ) if (folder / name).is_file()])
    return None if name is None else folder / name


def _keep(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _text(found: Report, folder: Path, target: Path) -> str:
    if target.suffix == ".json":
        return json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n"
    if target.suffix == ".md":
        return markdown(found, folder, target)
    from sr2tflite.run.report.page import page

    return page(found, folder)
