"""What disturbs a process while it is timed: counters of Linux, read before and after; imports only Python itself.

Where the system has no such counter the signal is None. A virtual machine's own disturbances show in ``stolen`` only if
its hypervisor tells them.
"""

import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

PROC = Path("/proc")
_STEAL = 7
_KIB_PER_UNIT = 1 if sys.platform != "darwin" else 1 / 1024


@dataclass(frozen=True)
class Counters:
    """Counters that only grow, at one moment; None where the system has none."""

    at: float
    stalled_us: int | None
    """Some task of the machine waited for a processor."""

    waited_ns: int | None
    """This process's main thread waited for a processor."""

    switches: int
    """Involuntary context switches of this process."""

    ticks: tuple[int, ...] | None
    """Processor time by kind, of all processors: user, nice, system, idle, iowait, irq, softirq, steal …"""


def counters(proc: Path = PROC) -> Counters:
    """The counters now.

    Args:
        proc: Where the system's files are.
    """
    stalled = next((line for line in _lines(proc / "pressure" / "cpu") if line.startswith("some ")), None)
    waited = _lines(proc / "self" / "schedstat")
    ticks = next((line for line in _lines(proc / "stat") if line.startswith("cpu ")), None)
    return Counters(
        perf_counter(),
        int(stalled.rpartition("total=")[2]) if stalled else None,
        int(waited[0].split()[1]) if waited else None,
        resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw,
        tuple(int(one) for one in ticks.split()[1:]) if ticks else None,
    )


def between(before: Counters, after: Counters) -> Mapping[str, float | int | None]:
    """The fields of ``bench.rounds.Signals``, in percent of the time between."""
    elapsed = max(after.at - before.at, 1e-9)
    return {
        "pressure": _percent(before.stalled_us, after.stalled_us, elapsed * 1e6),
        "waited": _percent(before.waited_ns, after.waited_ns, elapsed * 1e9),
        "involuntary_switches": after.switches - before.switches,
        "stolen": _stolen(before.ticks, after.ticks),
    }


def pressure_now(proc: Path = PROC) -> float | None:
    """Percent of the last ten seconds in which some task waited for a processor."""
    for line in _lines(proc / "pressure" / "cpu"):
        if line.startswith("some "):
            return float(line.split()[1].removeprefix("avg10="))
    return None


def peak_memory_kib(proc: Path = PROC) -> int:
    """The most memory that this process has held, in KiB.

    Linux counts in ``ru_maxrss`` also what the process held that started this one, which may be far more, so that its
    own peak (``VmHWM``) goes first.
    """
    for line in _lines(proc / "self" / "status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_PER_UNIT)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # not of this kernel, or not for us
        return []


def _percent(before: int | None, after: int | None, whole: float) -> float | None:
    return None if before is None or after is None else 100 * (after - before) / whole


def _stolen(before: tuple[int, ...] | None, after: tuple[int, ...] | None) -> float | None:
    if before is None or after is None or len(before) <= _STEAL:
        return None
    spent = [new - old for old, new in zip(before[: _STEAL + 1], after[: _STEAL + 1], strict=True)]
    return 100 * spent[_STEAL] / sum(spent) if sum(spent) else None
