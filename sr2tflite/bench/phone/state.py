"""The state of a phone at one moment, out of what its shell said."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sr2tflite.bench.phone.cpu_groups import Core, cores_of
from sr2tflite.bench.phone.dumpsys import Battery, Thermal, battery, thermal
from sr2tflite.bench.rounds import State

_PSI = re.compile(r"^some avg10=([\d.]+)", re.MULTILINE)
_AVAILABLE = re.compile(r"^MemAvailable:\s*(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class PhoneState:
    """What a phone tells of itself between rounds."""

    thermal: Thermal
    battery: Battery
    cores: tuple[Core, ...]
    ticks: Mapping[int, Mapping[int, int]]
    """Core → clock in kHz → how long it ran at it, in 10 ms since the start."""

    zones: Mapping[str, float]
    """Kernel's thermal zones in °C, which few phones show."""

    load: float | None
    pressure: float | None
    free_memory_mib: float | None
    screen_on: bool | None
    power_save: bool | None

    @property
    def felt_c(self) -> float | None:
        """The warmest of skin and battery; None where the phone tells neither."""
        felt = [one.celsius for one in self.thermal.temperatures if one.can_be_felt]
        if self.battery.celsius is not None:
            felt.append(self.battery.celsius)
        return max(felt, default=None)

    def public(self) -> State:
        """As the result keeps it."""
        sensors = {one.name: one.celsius for one in self.thermal.temperatures}
        governors = sorted({core.governor for core in self.cores if core.governor})
        return State(
            temperatures_c={**self.zones, **sensors},
            thermal_status=self.thermal.status,
            battery_percent=self.battery.percent,
            battery_c=self.battery.celsius,
            charging=self.battery.charging,
            clocks_mhz={f"cpu{core.number}": core.now_khz / 1e3 for core in self.cores if core.now_khz},
            clock_limits_mhz={f"cpu{core.number}": core.limit_khz / 1e3 for core in self.cores if core.limit_khz},
            governor=" + ".join(governors) or None,
            load=self.load,
            pressure=self.pressure,
            free_memory_mib=self.free_memory_mib,
            screen_on=self.screen_on,
            power_save=self.power_save,
        )


def phone_state(sections: Mapping[str, str]) -> PhoneState:
    """The state out of :func:`sections.answers`; what a section does not tell stays None."""
    load, psi = sections["load"].split(), _PSI.search(sections["pressure"])
    available = _AVAILABLE.search(sections["memory"])
    wakefulness = re.search(r"mWakefulness=(\w+)", sections["power"])
    saver = sections["low_power"].strip()
    return PhoneState(
        thermal=thermal(sections["thermal"]),
        battery=battery(sections["battery"]),
        cores=cores_of(sections["cpus"]),
        ticks=_ticks(sections["ticks"]),
        zones=_zones(sections["zones"]),
        load=float(load[0]) if load and re.fullmatch(r"[\d.]+", load[0]) else None,
        pressure=float(psi[1]) if psi else None,
        free_memory_mib=int(available[1]) / 1024 if available else None,
        screen_on=wakefulness[1] == "Awake" if wakefulness else None,
        power_save={"0": False, "1": True}.get(saver),
    )


def effective_mhz(before: PhoneState, after: PhoneState) -> Mapping[str, float]:
    """The mean clock of each core between two moments, idle time included; only where the kernel counts."""
    clocks = {}
    for core, ends in after.ticks.items():
        starts = before.ticks.get(core, {})
        spent = {khz: count - starts.get(khz, 0) for khz, count in ends.items()}
        total = sum(spent.values())
        if starts and total > 0 and min(spent.values()) >= 0:
            clocks[f"cpu{core}"] = sum(khz * count for khz, count in spent.items()) / total / 1e3
    return clocks


def _ticks(text: str) -> Mapping[int, Mapping[int, int]]:
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and len(words) % 2 == 1 and all(word.isdigit() for word in words):
            numbers = [int(word) for word in words]
            found[numbers[0]] = dict(zip(numbers[1::2], numbers[2::2], strict=True))
    return found


def _zones(text: str) -> Mapping[str, float]:
    """A zone's name and its millidegrees; names that come twice get a number."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        name, _, value = line.strip().rpartition(" ")
        if name and re.fullmatch(r"-?\d+", value) and -40_000 < int(value) < 200_000 and int(value) != 0:
            copies = sum(1 for one in found if one.partition("#")[0] == name)
            found[f"{name}#{copies + 1}" if copies else name] = int(value) / 1e3
    return found
