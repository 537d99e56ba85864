"""The error tree: every error a user may meet, with the exit status it ends the program with.

    Sr2TfliteError
    ├── RecipeError         2   a recipe or a component's settings are wrong
    ├── InputError          2   an input file, folder or argument is wrong
    ├── MissingError        3   something outside is missing: an extra, a binary
    ├── DeviceError         3   a device failed
    ├── StorageError        3   the disk is full or may not be written
    ├── VerificationError   5   a proof failed: fusion not equal, file not what was trained
    ├── DivergedError       5   a training diverged
    └── UnsupportedError    6   the model holds something we do not support

A gate that fails (exit status 4) is a finding, not an error. Anything that is not in this tree is a bug of ours and
keeps its traceback (exit status 1).
"""

from typing import ClassVar


class Sr2TfliteError(Exception):
    """A small form: where it happened, what was found and expected, and what to do about it.

    Args:
        message: What was found, then what was expected; lower case, no full stop.
        where: The file, node or field the message is about.
        hint: Something to *do*, best a command to type.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}\n  hint: {self.hint}" if self.hint else head


class RecipeError(Sr2TfliteError):
    """A recipe, an override or a component's settings are wrong."""

    exit_status = 2


class InputError(Sr2TfliteError):
    """An input file, folder or argument is wrong."""

    exit_status = 2


class MissingError(Sr2TfliteError):
    """Something outside is missing; the hint is the command that brings it."""

    exit_status = 3


class DeviceError(Sr2TfliteError):
    """A device failed."""

    exit_status = 3


class StorageError(Sr2TfliteError):
    """The disk is full, or a place may not be written."""

    exit_status = 3


class VerificationError(Sr2TfliteError):
    """A proof failed."""

    exit_status = 5


class DivergedError(Sr2TfliteError):
    """A training produced values that are not finite."""

    exit_status = 5


class UnsupportedError(Sr2TfliteError):
    """The model holds something we do not support; ``where`` is the node and the user's source line."""

    exit_status = 6
