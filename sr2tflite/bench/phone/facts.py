"""What a phone is: every fact a good report holds, out of one round trip to its shell."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sr2tflite.bench.phone.cpu_groups import Core, cores_of, groups_of, parts_of
from sr2tflite.bench.result import Device, Fact

_PROPERTY = re.compile(r"^\[([^\]\n]+)\]: \[(.*?)\]$", re.MULTILINE | re.DOTALL)
_TOTAL = re.compile(r"^MemTotal:\s*(\d+) kB", re.MULTILINE)
_GLES = re.compile(r"GLES: *(.+?)\s*$", re.MULTILINE)
TELLING_FEATURES = ("asimddp", "asimdhp", "fphp", "i8mm", "bf16", "sve", "sve2", "sme", "avx2", "avx512_vnni")
"""Of the processors' features, those by which XNNPACK chooses its kernels."""

NAMED: Mapping[str, tuple[str, ...]] = {
    "manufacturer": ("ro.product.manufacturer",),
    "model": ("ro.product.model",),
    "device": ("ro.product.device",),
    "soc_manufacturer": ("ro.soc.manufacturer",),
    "soc": ("ro.soc.model", "ro.mediatek.platform", "ro.hardware.chipname", "ro.board.platform", "ro.hardware"),
    "board": ("ro.board.platform",),
    "abis": ("ro.product.cpu.abilist", "ro.product.cpu.abi"),
    "android": ("ro.build.version.release",),
    "fingerprint": ("ro.build.fingerprint",),
    "build_type": ("ro.build.type",),
    "gpu_driver": ("ro.hardware.egl", "ro.hardware.vulkan"),
}
"""Fact → the properties that may tell it, the best first."""


@dataclass(frozen=True)
class PhoneFacts:
    """What a phone is and can do."""

    properties: Mapping[str, str]
    cores: tuple[Core, ...]
    parts: Mapping[int, str]
    facts: Mapping[str, Fact]
    tools: frozenset[str]
    """Of ``taskset`` and ``timeout``, those that it has."""

    free_kib: int | None
    """Room under /data/local/tmp."""

    @property
    def abis(self) -> tuple[str, ...]:
        """What it runs, the best first; empty where it does not tell."""
        return tuple(one for one in str(self.facts["abis"] or "").split(",") if one)

    def device(self, serial: str) -> Device:
        """As the result keeps it."""
        names = [self.facts[key] for key in ("manufacturer", "model")]
        name = " ".join(str(one) for one in names if one) or "a phone that tells no name"
        soc = f" ({self.facts['soc']})" if self.facts["soc"] else ""
        return Device("android", name + soc, self.facts, hashed(self.properties.get("ro.serialno") or serial))


def hashed(serial: str) -> str:
    """A serial number's name in results: the same for the same phone, and not the number itself."""
    return hashlib.sha256(f"sr2tflite {serial}".encode()).hexdigest()[:16]


def phone_facts(sections: Mapping[str, str], adb_version: str) -> PhoneFacts:
    """The facts out of :func:`sections.answers`; what a section does not tell stays None."""
    properties = dict(_PROPERTY.findall(sections["properties"]))
    told = {fact: _first(properties, names) for fact, names in NAMED.items()}
    cores, parts = cores_of(sections["cpus"]), parts_of(sections["cpuinfo"])
    sdk, total, gles = (
        properties.get("ro.build.version.sdk", ""),
        _TOTAL.search(sections["memory"]),
        _GLES.search(sections["gpu"]),
    )
    facts: dict[str, Fact] = {
        **told,
        "sdk": int(sdk) if sdk.isdigit() else None,
        "kernel": sections["kernel"].strip() or None,
        "gpu": gles[1] if gles else None,
        "memory_mib": int(total[1]) // 1024 if total else None,
        "cores": len(cores) or len(parts) or None,
        "core_groups": " + ".join(str(group) for group in groups_of(cores, parts)) or None,
        "features": _features(sections["cpuinfo"]),
        "adb": adb_version,
    }
    return PhoneFacts(properties, cores, parts, facts, _tools(sections["tools"]), _free_kib(sections["storage"]))


def _first(properties: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((properties[name].strip() for name in names if properties.get(name, "").strip()), None)


def _features(cpuinfo: str) -> str | None:
    """What every processor that tells its features has of the telling ones."""
    lines = re.findall(r"^(?:Features|flags)\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    if not lines:
        return None
    shared = set.intersection(*(set(line.split()) for line in lines))
    return " ".join(one for one in TELLING_FEATURES if one in shared) or "none of note"


def _tools(text: str) -> frozenset[str]:
    return frozenset(line.rpartition("/")[2] for line in text.split())


def _free_kib(df: str) -> int | None:
    """The fourth column of the last line; a long device name may have pushed the numbers to a line of their own."""
    words = df.split("\n", 1)[-1].split() if "\n" in df else []
    numbers = [int(word) for word in words if word.isdigit()]
    return numbers[2] if len(numbers) >= 3 else None
