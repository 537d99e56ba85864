"""The phone's answer to a seeded input beside this computer's."""

from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.bench.phone.models import PhoneModel
from sr2tflite.bench.result import OutputCheck
from sr2tflite.errors import VerificationError

ANYWAY = "measure it anyway: --no-check-output"


def output_of(content: bytes, model: PhoneModel, where: str) -> NDArray[Any]:
    """What the phone wrote, as an array like the host's; of several outputs the first.

    Raises:
        VerificationError: They are more or fewer.
    """
    if len(content) != model.output_bytes:
        message = f"{model.name}: the phone wrote {len(content):,} bytes; expected {model.output_bytes:,}"
        raise VerificationError(message, where=where, hint=ANYWAY)
    return np.frombuffer(content[: model.y.nbytes], model.y.dtype).reshape(model.y.shape)


def compared(found: NDArray[Any], expected: NDArray[Any], against: str) -> OutputCheck:
    """How far two outputs are apart.

    Bytes that are equal are equal outputs. Steps are of the integers; PSNR is over every value, for a peak of 255, or
    of 1 where a float file's values stay within 0 and 1 (up to 2, for overshoot).

    Args:
        found: The phone's.
        expected: The host's, of the same type and shape.
        against: The kernel family that made it.
    """
    differing = int(np.count_nonzero((_bytes(found) != _bytes(expected)).any(axis=1)))
    if not differing:
        return OutputCheck(found.size, 0, 0.0, None, against)
    apart = found.astype(np.float64) - expected.astype(np.float64)
    is_integer = np.issubdtype(found.dtype, np.integer)
    squares = float(np.mean(apart**2))
    peak = 255.0 if is_integer or float(np.max(np.abs(expected))) > 2 else 1.0
    psnr = 10 * log10(peak**2 / squares) if np.isfinite(squares) and squares > 0 else None
    return OutputCheck(found.size, differing, float(np.max(np.abs(apart))) if is_integer else None, psnr, against)


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """A row of bytes for each value."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(values.size, -1)


def judge(check: OutputCheck, model: PhoneModel, where: str, *, must_equal: bool) -> None:
    """End where a processor's answer is not the one it must be.

    Args:
        check: What was found.
        model: The file.
        where: The phone.
        must_equal: Whether the arithmetic is the same on both sides.

    Raises:
        VerificationError: It must be equal and is not.
    """
    if not must_equal or not check.differing:
        return
    share = f"{check.differing:,} of {check.values:,} values differ"
    steps = "" if check.max_lsb is None else f", by at most {check.max_lsb:g} LSB"
    hint = ANYWAY
    if model.outside:
        names = ", ".join(sorted(set(model.outside)))
        hint = f"ops outside XNNPACK ({names}) run on builtin kernels, which differ between processors; {ANYWAY}"
    message = f"{model.name}: the phone's CPU answers otherwise than {check.against} here: {share}{steps}"
    raise VerificationError(message, where=where, hint=hint)
