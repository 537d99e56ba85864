"""Lines of a log without what each logger puts before them: the tool's own, LiteRT's, Android's, Abseil's, Python's."""

import re
from dataclasses import dataclass

NUMBER = r"[-+]?(?:\d{1,30}(?:\.\d{0,30})?(?:e[-+]?\d{1,3})?|nan|inf)"
"""As C++ streams print a double."""

WHOLE = r"\d{1,15}"

_OWN = re.compile(r"(INFO|WARN|WARNING|ERROR|VERBOSE|DEBUG|FATAL): (?:\[([^\]]+:\d+)\] ?)?(.*)")
_LOGCAT = re.compile(r"(?:\d\d-\d\d [\d:.]+ +\d+ +\d+ )?([VDIWEF])[ /]([\w.-]+)\s*(?:\( *\d+\))? ?: ?(.*)")
_ABSEIL = re.compile(r"([IWEF])\d{4} [\d:.]+ +\d+ (\S+:\d+)\] (.*)")
_PYTHON = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ (INFO|WARNING|ERROR|DEBUG) (\w+): (.*)")
_BARE_ORIGIN = re.compile(r"\[([\w./]+\.(?:h|cc):\d+)\] ?(.*)")
_LEVELS = {"V": "VERBOSE", "D": "DEBUG", "I": "INFO", "W": "WARNING", "WARN": "WARNING", "E": "ERROR", "F": "FATAL"}


@dataclass(frozen=True)
class Line:
    """A message, and what was said before it."""

    level: str | None
    """VERBOSE, DEBUG, INFO, WARNING, ERROR or FATAL; None where nothing was said."""

    origin: str
    """The source file or tag; empty where nothing was said."""

    message: str


def lines_of(text: str) -> list[Line]:
    """The lines of a text, with Windows' line ends or Unix's."""
    return [_line(line) for line in text.replace("\r", "").split("\n")]


def _line(text: str) -> Line:
    for pattern in (_OWN, _LOGCAT, _ABSEIL, _PYTHON):
        if match := pattern.fullmatch(text):
            level, origin, message = match.groups()
            bare = _BARE_ORIGIN.fullmatch(message)
            return Line(_LEVELS.get(level, level), *(bare.groups() if bare else (origin or "", message)))
    return Line(None, "", text)
