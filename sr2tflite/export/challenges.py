"""What the Mobile AI challenges ask of a submission, as far as a file can show it, and how they score it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sr2tflite.errors import InputError
from sr2tflite.graph.passes.file_io import FileIO

Role = Literal["fixed", "free", "float"]
"""The integer file that is timed, the one that is judged, and the float one; all take and give raw pixels."""

FOLDER = "TFLite"
"""Of a submission; it holds the files."""

FIXED, FREE, FLOAT = "model.tflite", "model_none.tflite", "model_none_float.tflite"

NAMES: Mapping[Role, str] = {"fixed": FIXED, "free": FREE, "float": FLOAT}

PROTOCOL = "rgb"
"""Of the quality: RGB, the whole image, mean over images."""


@dataclass(frozen=True)
class Challenge:
    """One year's rules."""

    name: str
    scale: int
    height: int
    """Of the timed file's input."""

    width: int
    io: FileIO
    """Type of the integer files' ends: the scorers feed raw values and never look at scale or zero point."""

    asks_float: bool
    """Whether the float file is part of a submission."""

    source: str
    """Where names, sizes and types are from: the rules themselves are not public any more."""

    constant: float
    """C of the score."""

    told: str
    """Where the constant is from."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input that was timed; the output is ``scale`` times as high and wide."""
        return self.height, self.width

    @property
    def zero_point(self) -> int:
        """Of the integer files' ends, whose scale is 1: the codes are pixels, or pixels − 128."""
        return -128 if self.io == "int8" else 0


CHALLENGES = {
    one.name: one
    for one in (
        Challenge(
            name="mai2021",
            scale=3,
            height=360,
            width=640,
            io="uint8",
            asks_float=False,
            source="the organizers' test_tflite_model.py and test_tflite_model_none.py, "
            "https://github.com/aiff22/MAI-2021-Workshop/tree/main/network_quantization; "
            "https://github.com/NJU-Jet/SR_Mobile_Quantization",
            constant=2.0**48,
            told="follows from the published table, within 0.02 %",
        ),
        Challenge(
            name="mai2022",
            scale=3,
            height=360,
            width=640,
            io="uint8",
            asks_float=True,
            source="the third place's submission, AIM-2022-Challenges-submit.zip, "
            "https://github.com/ECNUSR/PureConvSR-AIM2022; https://github.com/Algolzw/NCNet, generate_tflite.py",
            constant=10 * 2.0**48,
            told="follows from the published table, within 0.3 %",
        ),
        Challenge(
            name="mai2026",
            scale=3,
            height=720,
            width=1280,
            io="int8",
            asks_float=True,
            source="an entrant's student/check_submission_artifact.py, https://github.com/NguyenPhamPhuongNam/AIO_MAI",
            constant=1.156e16,
            told="follows from three published rows, within 1 %",
        ),
    )
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


def score(challenge: Challenge, psnr: float, latency_ms: float) -> float:
    """``2^(2·PSNR) / (C · t)``: half a decibel is worth half the time.

    References:
        Real-Time Quantized Image Super-Resolution on Mobile NPUs, Mobile AI 2021 Challenge: Report (Ignatov et al.,
        2021), https://arxiv.org/abs/2105.07825, and its successor of 2022, https://arxiv.org/abs/2211.05910.

    Args:
        challenge: Whose constant C to take.
        psnr: Of the INT8 file on the challenge's images, RGB, in dB.
        latency_ms: Of one inference at the challenge's size.
    """
    return float(2 ** (2 * psnr) / (challenge.constant * latency_ms))
