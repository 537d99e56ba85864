"""``sr2tflite check``: may the file, or the package, go where the profiles say? A gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from sr2tflite.check.case import Case
from sr2tflite.check.contents import file_in
from sr2tflite.check.engine import Report, ask, ask_package
from sr2tflite.check.gate import Gate
from sr2tflite.check.package import Package, Tried
from sr2tflite.check.profile import Profile, load_profile, profiles
from sr2tflite.data.images import list_images
from sr2tflite.errors import InputError
from sr2tflite.files import quoted
from sr2tflite.progress import Progress, silent
from sr2tflite.run.folder import MANIFEST


@dataclass(frozen=True)
class Given:
    """What rules look at beside the file."""

    against: Path | None = None
    """The QDQ ONNX that it was exported from, or another ``.tflite``."""

    tried: Tried = field(default_factory=Tried)
    """What it is run on."""

    least_psnr: float | None = None
    """Of a submission's judged file, in dB, in place of bicubic enlargement's."""


def check(target: Path, names: Sequence[str], given: Given | None = None, *, progress: Progress = silent) -> Gate:
    """Ask profiles of a file, or of a submission.

    Args:
        target: A ``.tflite``, or a submission: a folder or a zip archive with the folder ``TFLite`` in it. Profiles of
            single files are asked of a submission's fixed file, or of a folder's ``model.tflite``.
        names: Of profiles, or paths of YAML files.
        given: What else there is to look at.
        progress: Told what is looked at.

    Raises:
        InputError: The file is damaged or of another kind, an image cannot be read, or no profile is named. What is
            damaged within a submission is a finding.
        RecipeError: A profile is unknown or wrong.
        UnsupportedError: A tensor's type is outside the deploy graph, or it has several inputs or outputs.
    """
    given = given or Given()
    _refuse(given)
    told = {} if given.least_psnr is None else {"package_quality": {"least_psnr": given.least_psnr}}
    asked = [load_profile(name, told) for name in dict.fromkeys(names)]
    if not asked:
        raise InputError("no profile is named", hint=f"--profile, one of: {', '.join(profiles())}")
    reports = tuple(_ask(profile, target, given, progress) for profile in asked)
    return Gate(target, reports, _following(target, asked, reports))


def _following(target: Path, asked: Sequence[Profile], reports: Sequence[Report]) -> str:
    """What the first that fails says, or one about submissions: what lies in an archive cannot be typed as a file."""
    failed = [report for report in reports if not report.passed]
    packed = [report for profile, report in zip(asked, reports, strict=True) if profile.challenge]
    if failed or packed:
        return (failed or packed)[0].following
    if target.is_dir() or target.suffix == ".tflite":
        return reports[-1].following
    return f"sr2tflite check {quoted(target)} --profile mai2026"


def _refuse(given: Given) -> None:
    for name, value in (("--runtime-ms", given.tried.runtime_ms), ("--min-psnr", given.least_psnr)):
        if value is not None and not (isfinite(value) and value > 0):
            raise InputError(f"{name} is {value}; expected a positive number")
    for folder in given.tried.images:  # also where no rule of the profile looks at them
        list_images(folder)


def _ask(profile: Profile, target: Path, given: Given, progress: Progress) -> Report:
    if profile.challenge is None:
        path, data = file_in(target, "fixed")
        is_packed = path != target and not target.is_dir()
        case = Case(
            path,
            against=given.against,
            folders=given.tried.images,
            limit=given.tried.limit,
            progress=progress,
            data=data,
            remake=f"sr2tflite package RUN --profile mai2026 -o {quoted(target)}" if is_packed else None,
        )
        return ask(profile, case)
    if target.suffix == ".tflite" and not target.is_dir():
        raise InputError(
            f"is one file; {profile.name} asks about a submission's files, in a folder or a .zip",
            where=str(target),
            hint=f"sr2tflite package RUN --profile {profile.name} -o submission.zip",
        )
    source = quoted(target) if (target / MANIFEST).is_file() else "RUN"
    return ask_package(profile, Package(target, profile.challenge, given.tried, source=source, progress=progress))
