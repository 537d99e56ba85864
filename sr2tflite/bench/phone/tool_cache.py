"""Where ``benchmark_model`` is kept: one binary for each ABI, each with the hash that pins it; nothing is downloaded.

::

    ~/.cache/sr2tflite/benchmark_model/     ($SR2TFLITE_CACHE/benchmark_model)
    ├── arm64-v8a/
    │   ├── benchmark_model
    │   └── benchmark_model.sha256          as sha256sum writes it
    └── armeabi-v7a/ …
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sr2tflite.bench.phone.elf import HEXAGON, abi_of
from sr2tflite.errors import DeviceError, MissingError, VerificationError
from sr2tflite.files import cache_folder, read_bytes, sha256

NAME = "benchmark_model"
_NIGHTLY = "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/nightly/latest"
SOURCES: Mapping[str, str] = {
    "arm64-v8a": f"{_NIGHTLY}/android_aarch64_benchmark_model",
    "armeabi-v7a": f"{_NIGHTLY}/android_arm_benchmark_model",
}
"""Where TensorFlow publishes nightly builds; for other ABIs it is built from source."""


@dataclass(frozen=True)
class Binary:
    """A ``benchmark_model`` on this computer."""

    path: Path
    sha256: str
    abi: str


def tool_folder() -> Path:
    """The cache of binaries."""
    return cache_folder() / NAME


def where_to_get(abi: str) -> str:
    """The commands that fill the cache for an ABI, or what else to do."""
    folder = tool_folder() / abi
    if abi not in SOURCES:
        return f"build it for {abi} from LiteRT's or TensorFlow's source (docs/device.md), then --benchmark-model PATH"
    place = shlex.quote(str(folder))
    fetch = f"mkdir -p {place} && cd {place} && curl -fLo {NAME} {SOURCES[abi]}"
    return f"{fetch} && sha256sum {NAME} > {NAME}.sha256; or --benchmark-model PATH"


def binary_for(abis: Sequence[str], given: Path | None, where: str) -> Binary:
    """The binary for a phone.

    Args:
        abis: What the phone runs, the best first.
        given: A binary, or a folder laid out as the cache is; None is the cache.
        where: The phone, for messages.

    Raises:
        MissingError: There is none.
        DeviceError: It is not for this phone.
        VerificationError: It is not the one that its hash file names.
    """
    if not abis:
        raise DeviceError("does not tell its ABI (ro.product.cpu.abilist)", where=where)
    if given is not None and not given.is_dir():
        if not given.is_file():
            raise MissingError("is not there", where=str(given), hint=where_to_get(abis[0]))
        return _checked(given, abis, where, is_pinned=False)
    folder = given or tool_folder()
    for abi in abis:
        path = folder / abi / NAME
        if path.is_file():
            return _checked(path, abis, where, is_pinned=given is None)
    message = f"no {NAME} for {abis[0]} in {folder}"
    raise MissingError(message, where=where, hint=where_to_get(abis[0]))


def check_library(path: Path, abis: Sequence[str], where: str, *, may_be_dsp: bool) -> None:
    """See to it that a delegate's library is for a phone.

    Args:
        path: The file.
        abis: What the phone runs.
        where: The phone, for messages.
        may_be_dsp: Whether code of Qualcomm's signal processor will do, as what a delegate loads there.

    Raises:
        InputError: It cannot be read.
        DeviceError: It is for another machine, or no library.
    """
    abi = abi_of(read_bytes(path))
    if abi not in (*abis, *((HEXAGON,) if may_be_dsp else ())):
        what = f"is for {abi}" if abi else "is no ELF library"
        raise DeviceError(f"{path} {what}; expected {' or '.join(abis)}", where=where, hint="take the phone's build")


def _checked(path: Path, abis: Sequence[str], where: str, *, is_pinned: bool) -> Binary:
    content = read_bytes(path)
    abi = abi_of(content)
    if abi is None:
        raise MissingError("is no program for Android: not an ELF file", where=str(path), hint=where_to_get(abis[0]))
    if abi not in abis:
        message = f"{path} is for {abi}; the phone runs {', '.join(abis)}"
        raise DeviceError(message, where=where, hint=where_to_get(abis[0]))
    digest = sha256(content)
    _compare_pin(path, digest, is_pinned)
    return Binary(path, digest, abi)


def _compare_pin(path: Path, digest: str, is_pinned: bool) -> None:
    pin = path.with_name(f"{path.name}.sha256")
    place, name, beside = (shlex.quote(one) for one in (str(path.parent), path.name, pin.name))
    write = f"where you trust it: cd {place} && sha256sum {name} > {beside}"
    if not pin.is_file():
        if is_pinned:
            raise MissingError(f"has no {pin.name} beside it", where=str(path), hint=write)
        return
    match = re.match(r"[0-9a-fA-F]{64}\b", read_bytes(pin).decode(errors="replace"))
    if match is None or match[0].lower() != digest:
        found = match[0].lower()[:16] + "…" if match else "no hash"
        message = f"its sha256 is {digest[:16]}…; {pin.name} says {found}"
        raise VerificationError(message, where=str(path), hint=write)
