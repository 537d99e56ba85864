"""A run folder read into a report: what its stages told, what lies in it, and what verbs wrote into it as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sr2tflite.errors import InputError
from sr2tflite.files import read_bytes
from sr2tflite.run.artifacts import DEPLOY, ROLES
from sr2tflite.run.folder import MANIFEST
from sr2tflite.run.gates import judged
from sr2tflite.run.report import Report
from sr2tflite.run.report.missing import missing
from sr2tflite.run.report.reading import Reading
from sr2tflite.run.report.told import Told, json_of
from sr2tflite.run.report.told.budget import Budget
from sr2tflite.run.report.told.findings import Checked, Gate
from sr2tflite.run.report.told.kinds import of_any_kind
from sr2tflite.run.report.told.latency import Benches, Timing
from sr2tflite.run.report.told.quality import Evaluation


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
    reading = Reading(folder)
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
            case Gate():
                report.checks += one.profiles


def _given(path: Path) -> Told:
    found = of_any_kind(json_of(read_bytes(path), str(path)), str(path))
    if found is None:
        raise InputError("is of no verb; expected what verify, check, bench, budget or eval print", where=str(path))
    return found
