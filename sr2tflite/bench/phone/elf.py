"""What a program or library was built for, by its first bytes."""

from collections.abc import Mapping
from struct import unpack_from

ABI_OF_MACHINE: Mapping[int, str] = {3: "x86", 40: "armeabi-v7a", 62: "x86_64", 183: "arm64-v8a", 243: "riscv64"}
"""``e_machine`` of an ELF header → Android's name for what runs it."""

HEXAGON = "hexagon"
_HEXAGON_MACHINE = 164
_HEADER_BYTES = 20


def abi_of(content: bytes) -> str | None:
    """The ABI of an ELF file; ``machine N`` where Android has none for it, None where it is no (whole) ELF file."""
    if content[:4] != b"\x7fELF" or len(content) < _HEADER_BYTES:
        return None
    order = ">" if content[5] == 2 else "<"
    (machine,) = unpack_from(f"{order}H", content, 18)
    if machine == _HEXAGON_MACHINE:
        return HEXAGON
    return ABI_OF_MACHINE.get(machine, f"machine {machine}") if order == "<" else f"big-endian machine {machine}"
