"""What the Mobile AI challenges ask of a submission, as far as a file can show it."""

from dataclasses import dataclass

from sr2tflite.errors import InputError
from sr2tflite.graph.passes.file_io import FileIO

FOLDER = "TFLite"
"""Of a submission; it holds the three files."""

FIXED, FREE, FLOAT = "model.tflite", "model_none.tflite", "model_none_float.tflite"
"""The integer file that is timed, the one that is judged, and the float one; all take and give raw pixels."""


@dataclass(frozen=True)
class Challenge:
    """One year's rules."""

    scale: int
    height: int
    """Of the timed file's input."""

    width: int
    io: FileIO
    """Type of the integer files' ends: the scorers feed raw values and never look at scale or zero point."""


CHALLENGES = {
    # released files of that year's entrants; 720×1280 → 2160×3840
    "mai2026": Challenge(scale=3, height=720, width=1280, io="int8"),
    # the organizers' sample code and the third place's submission; 360×640 → 1080×1920
    "mai2022": Challenge(scale=3, height=360, width=640, io="uint8"),
}
"""Name → rules."""


def challenge_named(name: str) -> Challenge:
    """A challenge's rules.

    Raises:
        InputError: There is none of that name.
    """
    if name not in CHALLENGES:
        raise InputError(f"there is no challenge {name!r}; expected one of: {', '.join(sorted(CHALLENGES))}")
    return CHALLENGES[name]
