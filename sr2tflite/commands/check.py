"""``sr2tflite check``: may the file, or the package, go where the profiles say? A gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sr2tflite.check.case import Case
from sr2tflite.check.engine import Report, ask
from sr2tflite.check.gate import Gate
from sr2tflite.check.profile import Profile, load_profile, profiles
from sr2tflite.errors import InputError
from sr2tflite.progress import Progress, silent

MODEL = "model.tflite"
"""What a folder's file is called that goes to the device."""


@dataclass(frozen=True)
class Given:
    """What rules look at beside the file."""

    against: Path | None = None
    """The QDQ ONNX that it was exported from, or another ``.tflite``."""

    images: tuple[Path, ...] = ()
    """Images, or folders of them, that it is run on as they are; none for the usual ones."""

    limit: int = 16
    """At most so many photographs."""


def check(target: Path, names: Sequence[str], given: Given | None = None, *, progress: Progress = silent) -> Gate:
    """Ask profiles of a file.

    Args:
        target: A ``.tflite``, or a folder that holds one named ``model.tflite``.
        names: Of profiles, or paths of YAML files.
        given: What else there is to look at.
        progress: Told what is looked at.

    Raises:
        InputError: The file is damaged or of another kind, an image cannot be read, or no profile is named.
        RecipeError: A profile is unknown or wrong.
        UnsupportedError: A tensor's type is outside the deploy graph, or it has several inputs or outputs.
    """
    asked = [load_profile(name) for name in dict.fromkeys(names)]
    if not asked:
        raise InputError("no profile is named", hint=f"--profile, one of: {', '.join(profiles())}")
    reports = tuple(_ask(profile, file_of(target), given or Given(), progress) for profile in asked)
    return Gate(target, reports, _following(target, asked, reports))


def file_of(target: Path) -> Path:
    """The ``.tflite`` that a profile of files is asked of.

    Raises:
        InputError: There is none.
    """
    path = target / MODEL if target.is_dir() else target
    if path.suffix != ".tflite":
        raise InputError(
            f"is a {path.suffix or 'nameless'} file; expected .tflite",
            where=str(path),
            hint="sr2tflite export QDQ.onnx --int8 --free-shape -o model.tflite",
        )
    return path


def _ask(profile: Profile, path: Path, given: Given, progress: Progress) -> Report:
    case = Case(path, against=given.against, folders=given.images, limit=given.limit, progress=progress)
    return ask(profile, case)


def _following(target: Path, asked: Sequence[Profile], reports: Sequence[Report]) -> str:
    if all(report.passed for report in reports):
        return f"sr2tflite bench {reports[0].file}"
    failed = next(profile.name for profile, report in zip(asked, reports, strict=True) if not report.passed)
    return f"sr2tflite check {target} --profile {failed} --json"
