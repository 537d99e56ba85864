"""Waiting until a phone is cool, so that each round starts alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sr2tflite.bench.phone.state import PhoneState
from sr2tflite.errors import DeviceError
from sr2tflite.progress import Progress

STATUSES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Android's thermal status, by number."""


@dataclass(frozen=True)
class Cooling:
    """When a phone is cool, and how long that is waited for."""

    max_c: float = 38.0
    """Skin and battery are below this many °C. Phones that lie still have 25 to 37; makers cap clocks from about 40."""

    limit_s: float = 600.0
    pause_s: float = 5.0
    """Between two looks; each look costs the phone a little work."""


def heat(state: PhoneState, cooling: Cooling) -> str | None:
    """Why a phone is not cool, in words; None where it is, or tells nothing that says otherwise."""
    status, felt = state.thermal.status, state.felt_c
    if status:
        return f"thermal status {STATUSES[min(status, len(STATUSES) - 1)]}; expected none"
    if felt is not None and felt >= cooling.max_c:
        return f"{felt:.1f} °C; expected less than {cooling.max_c:g}"
    return None


def _more(state: PhoneState) -> str:
    """What allows more: Android's own status has no limit to raise."""
    return "wait longer: --cool-limit SECONDS" if state.thermal.status else "allow more: --max-temp C"


def cooled(
    look: Callable[[], PhoneState],
    cooling: Cooling,
    where: str,
    progress: Progress,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = time.sleep,
) -> PhoneState:
    """The phone's state as soon as it is cool.

    Args:
        look: Asks the phone.
        cooling: What is cool.
        where: The phone, for messages.
        progress: Told how hot it still is.
        clock: Seconds.
        pause: Waits for some.

    Raises:
        DeviceError: It does not get cool in time.
    """
    began = clock()
    while reason := heat(state := look(), cooling):
        waited = clock() - began
        if waited >= cooling.limit_s:
            raise DeviceError(
                f"still not cool after {waited:.0f} s: {reason}",
                where=where,
                hint=f"let it lie in a cool place without its case, unplug a fast charger, or {_more(state)}",
            )
        progress(f"cooling {where}", int(waited), int(cooling.limit_s), reason)
        pause(min(cooling.pause_s, cooling.limit_s - waited))
    return state
