"""``sr2tflite check --fix``: the file made anew with the rewrites that change no byte, and asked again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2tflite.check.case import Case
from sr2tflite.check.contents import file_in
from sr2tflite.check.fix import Fix, fix
from sr2tflite.check.gate import Gate
from sr2tflite.check.profile import load_profile
from sr2tflite.commands.check import Given, check
from sr2tflite.errors import InputError
from sr2tflite.files import quoted, write_bytes
from sr2tflite.progress import Progress, silent

SCHEMA = "sr2tflite.fix/1"
"""Of the JSON; the number rises where a reader of the old form would misunderstand the new one."""


@dataclass(frozen=True)
class Fixed:
    """A file before and after."""

    before: Gate
    fix: Fix
    output: Path | None
    """Where the new file lies; None where nothing could be done, and none was written."""

    after: Gate
    """Of the new file; of the old one where there is none."""

    @property
    def passed(self) -> bool:
        return self.after.passed

    def verdict(self) -> str:
        """The answer in one sentence."""
        if self.output is None:
            return f"{self.before.target}: no rewrite is to be applied; no file was written"
        proof = "; ".join(one.line() for one in self.fix.proof)
        ops = f"{len(self.fix.before.nodes)} ops before, {len(self.fix.after.nodes)} after"
        return f"{self.output}: {ops}: {self.fix.after.summary()}; on {self.fix.images}, {proof}"

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``schema`` names its form."""
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "verdict": self.verdict(),
            "output": None if self.output is None else str(self.output),
            "equal": self.fix.is_equal,
            "images": self.fix.images,
            "proof": [vars(one) for one in self.fix.proof],
            "ops": {"before": dict(self.fix.before.counts()), "after": dict(self.fix.after.counts())},
            "rewrites": [step.to_json() for step in self.fix.steps],
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "next": self.after.following,
        }


def check_fix(
    target: Path,
    names: Sequence[str],
    output: Path,
    given: Given | None = None,
    *,
    allow_difference: bool = False,
    progress: Progress = silent,
) -> Fixed:
    """Ask profiles of a file, rewrite it, and ask them of the new one.

    Args:
        target: A ``.tflite``; of a folder or a submission, the file that goes to the device.
        names: Of profiles, or paths of YAML files.
        output: Where the new file goes.
        given: What else there is to look at; the images are those that both files are run on.
        allow_difference: Apply rewrites that change bytes, too.
        progress: Told what is looked at.

    Raises:
        InputError: The file is damaged or of another kind, LiteRT does not run it, or a profile is about submissions.
        RecipeError: A profile is unknown or wrong.
        UnsupportedError: It holds an op that is not written here.
        VerificationError: Rewrites that must change no byte changed one; nothing is written.
        StorageError: The new file cannot be written.
    """
    given = given or Given()
    if packed := [name for name in names if load_profile(name).challenge]:
        raise InputError(
            f"{packed[0]} is about submissions; what is rewritten is one file",
            where=str(target),
            hint=f"sr2tflite check MODEL.tflite --profile nnapi --fix -o {quoted(output)}",
        )
    path, data = file_in(target, "fixed")
    before = check(target, names, given, progress=progress)
    case = Case(path, data=data, folders=given.tried.images, limit=given.tried.limit, progress=progress)
    found = fix(case, allow_difference=allow_difference)
    if not found.has_changed:
        return Fixed(before, found, None, before)
    write_bytes(output, found.data)
    after = check(output, names, given, progress=progress)
    return Fixed(before, found, output, after)
