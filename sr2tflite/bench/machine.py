"""This machine: what it is, and its state before and after a round, from the files of Linux."""

import os
import platform
from pathlib import Path

import psutil

from sr2tflite.bench.result import Device, Fact
from sr2tflite.bench.rounds import State
from sr2tflite.bench.signals import pressure_now

_TELLING = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm", "sve", "sme", "hypervisor")
"""Features that decide which kernels run, and whether there is a machine under this one."""


def this_machine(root: Path = Path("/")) -> Device:
    """Name and facts; what the system does not tell is missing.

    Args:
        root: Where the system's files are.
    """
    told = _cpuinfo(root)
    features = set((told.get("flags") or told.get("Features") or "").split())
    facts: dict[str, Fact] = {
        "architecture": platform.machine(),
        "features": " ".join(one for one in _TELLING if one in features) or None,
        "logical processors": os.cpu_count(),
        "cores": psutil.cpu_count(logical=False),
        "memory MiB": psutil.virtual_memory().total // 2**20,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    return Device("host", _name(told), {key: value for key, value in facts.items() if value is not None})


def _name(told: dict[str, str]) -> str:
    """The processor's name; with its family and model where it tells them, for rented ones are all called the same."""
    name = told.get("model name") or platform.processor() or platform.machine()
    if "cpu family" not in told or "model" not in told:
        return name
    return f"{name} (family {told['cpu family']}, model {told['model']})"


def state(root: Path = Path("/")) -> State:
    """What the machine tells of itself now.

    Args:
        root: Where the system's files are.
    """
    clocks, governors = root / "sys/devices/system/cpu", []
    for path in sorted(clocks.glob("cpu[0-9]*/cpufreq/scaling_governor")):
        governors.append(_word(path))
    battery = next((root / "sys/class/power_supply").glob("BAT*"), None)
    level = _number(battery / "capacity") if battery else None
    return State(
        temperatures_c=_temperatures(root / "sys/class/thermal"),
        battery_percent=level,
        charging=_word(battery / "status") in {"Charging", "Full"} if battery else None,
        clocks_mhz=_clocks(clocks, "scaling_cur_freq"),
        clock_limits_mhz=_clocks(clocks, "scaling_max_freq"),
        governor=", ".join(sorted({one for one in governors if one})) or None,
        load=os.getloadavg()[0],
        pressure=pressure_now(root / "proc"),
        free_memory_mib=psutil.virtual_memory().available / 2**20,
    )


def _cpuinfo(root: Path) -> dict[str, str]:
    """The first processor's lines."""
    path, told = root / "proc/cpuinfo", dict[str, str]()
    for line in path.read_text().splitlines() if path.is_file() else []:
        key, _, value = line.partition(":")
        told.setdefault(key.strip(), value.strip())
    return told


def _clocks(folder: Path, name: str) -> dict[str, float]:
    """Of every processor that tells, in MHz; the files say kHz."""
    found = {path.parent.parent.name: _number(path) for path in folder.glob(f"cpu[0-9]*/cpufreq/{name}")}
    return {key: value / 1000 for key, value in sorted(found.items()) if value is not None}


def _temperatures(folder: Path) -> dict[str, float]:
    """Of every zone that tells, in °C; the files say thousandths. Zones of one type are told apart by number."""
    found: dict[str, float] = {}
    for zone in sorted(folder.glob("thermal_zone*")):
        kind, value = _word(zone / "type") or zone.name, _number(zone / "temp")
        if value is not None:
            found[f"{kind} ({zone.name.removeprefix('thermal_zone')})" if kind in found else kind] = value / 1000
    return found


def _word(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:  # some sensors are there and do not answer
        return None


def _number(path: Path) -> float | None:
    word = _word(path)
    return float(word) if word and word.lstrip("-").isdigit() else None
