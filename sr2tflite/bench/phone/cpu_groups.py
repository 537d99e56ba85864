"""The processors of a phone in groups of equal speed, and the mask that keeps a run on the fast ones."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sr2tflite.bench.names import ranges
from sr2tflite.errors import InputError

_PART = re.compile(r"^processor\s*:\s*(\d+)|^CPU implementer\s*:\s*(0x[0-9a-f]+)|^CPU part\s*:\s*(0x[0-9a-f]+)", re.M)

ARM_CORES: Mapping[str, str] = {
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0d": "Cortex-A77",
    "0xd41": "Cortex-A78",
    "0xd44": "Cortex-X1",
    "0xd46": "Cortex-A510",
    "0xd47": "Cortex-A710",
    "0xd48": "Cortex-X2",
    "0xd4b": "Cortex-A78C",
    "0xd4d": "Cortex-A715",
    "0xd4e": "Cortex-X3",
    "0xd80": "Cortex-A520",
    "0xd81": "Cortex-A720",
    "0xd82": "Cortex-X4",
    "0xd85": "Cortex-X925",
    "0xd87": "Cortex-A725",
}
"""``CPU part`` of /proc/cpuinfo → name, for the implementer 0x41 (Arm); as Linux's arch/arm64/include/asm/cputype.h."""


@dataclass(frozen=True)
class Core:
    """One processor; None is what the phone does not tell."""

    number: int
    max_khz: int | None = None
    """What the hardware can do."""

    limit_khz: int | None = None
    """What the system allows just now."""

    now_khz: int | None = None
    governor: str | None = None
    capacity: int | None = None
    """Relative speed, 1024 for the fastest."""

    is_online: bool = True


@dataclass(frozen=True)
class Group:
    """Processors of equal speed."""

    cores: tuple[int, ...]
    max_khz: int | None
    name: str | None
    """Such as ``Cortex-A55``; the number of the part where that is all that is known."""

    def __str__(self) -> str:
        speed = f" {self.max_khz / 1000:.0f} MHz" if self.max_khz else ""
        return f"{len(self.cores)}× {self.name or 'core'}{speed}"


def cores_of(text: str) -> tuple[Core, ...]:
    """The processors of the section ``cpus``, by number."""
    told: dict[int, dict[str, str]] = {}
    for line in text.splitlines():
        match line.split():
            case [number, name, *value] if number.isdigit():
                told.setdefault(int(number), {})[name.rpartition("/")[2]] = " ".join(value)
    return tuple(
        Core(
            number,
            _whole(values.get("cpuinfo_max_freq")),
            _whole(values.get("scaling_max_freq")),
            _whole(values.get("scaling_cur_freq")),
            values.get("scaling_governor") or None,
            _whole(values.get("cpu_capacity")),
            values.get("online") != "0",
        )
        for number, values in sorted(told.items())
    )


def parts_of(cpuinfo: str) -> Mapping[int, str]:
    """Number of the processor → its part, by name where it is Arm's and known, else ``implementer/part``."""
    parts: dict[int, str] = {}
    number, implementer = 0, ""
    for match in _PART.finditer(cpuinfo):
        if match[1]:
            number = int(match[1])
        implementer = match[2] or implementer
        if match[3]:
            known = ARM_CORES.get(match[3]) if implementer == "0x41" else None
            parts[number] = known or f"{implementer}/{match[3]}"
    return parts


def groups_of(cores: Sequence[Core], parts: Mapping[int, str]) -> tuple[Group, ...]:
    """Groups from the slowest to the fastest, by capacity where each tells it, else by the highest clock.

    Cores of one speed but different parts are different groups. Where nothing is told, all are one group.
    """
    by_capacity = all(core.capacity is not None for core in cores)

    def speed(core: Core) -> int:
        return (core.capacity if by_capacity else core.max_khz) or 0

    keys = sorted({(speed(core), core.max_khz or 0, parts.get(core.number, "")) for core in cores})
    groups = []
    for key in keys:
        members = [core for core in cores if (speed(core), core.max_khz or 0, parts.get(core.number, "")) == key]
        numbers = tuple(core.number for core in members)
        groups.append(Group(numbers, members[0].max_khz, parts.get(numbers[0])))
    return tuple(groups)


def big_mask(cores: Sequence[Core], parts: Mapping[int, str], threads: int) -> str | None:
    """The mask of the fastest group, and of slower ones until there is a core for each thread.

    Returns:
        Hexadecimal without ``0x``, as ``taskset`` takes it; None where the phone does not tell its processors' speeds,
        or all are equal.
    """
    online = [core for core in cores if core.is_online]
    groups = groups_of(online, parts)
    if len(groups) < 2 or all(core.max_khz is None and core.capacity is None for core in online):
        return None
    chosen: list[int] = []
    for group in reversed(groups):
        chosen.extend(group.cores)
        if len(chosen) >= threads:
            break
    return mask_of(chosen)


def mask_of(numbers: Sequence[int]) -> str:
    """Some processors as a hexadecimal mask: 4 to 7 are ``f0``."""
    return f"{sum(1 << number for number in set(numbers)):x}"


def numbers_of(mask: str) -> set[int]:
    """The processors of a hexadecimal mask."""
    value = int(mask, 16)
    return {number for number in range(value.bit_length()) if value >> number & 1}


def checked_mask(text: str, cores: Sequence[Core], where: str) -> str:
    """A mask that someone typed.

    Raises:
        InputError: It is no hexadecimal number, or names a processor that the phone does not have.
    """
    try:
        value = int(text, 16)
    except ValueError:
        value = 0
    known = {core.number for core in cores if core.is_online}
    if value <= 0:
        raise InputError(f"affinity {text!r} is no mask of its processors; expected one such as f0", where=where)
    if known and (absent := numbers_of(text) - known):
        message = f"the phone has no processor {ranges(absent)}; expected some of {ranges(known)}"
        raise InputError(message, where=where, hint=f"--cpus {ranges(known)}")
    return f"{value:x}"


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
