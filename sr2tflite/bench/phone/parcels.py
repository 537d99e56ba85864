"""What is sent to a phone: the tool, the libraries, the files and their inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sr2tflite.bench.phone.delegates import Delegate
from sr2tflite.bench.phone.models import PhoneModel
from sr2tflite.bench.phone.tool_cache import NAME, Binary
from sr2tflite.errors import DeviceError
from sr2tflite.files import read_bytes, sha256


@dataclass(frozen=True)
class Parcel:
    """A file to be sent."""

    name: str
    """On the phone: plain letters, whatever its name here."""

    path: Path
    sha256: str


def parcels_of(binary: Binary, delegate: Delegate, models: Sequence[PhoneModel], scratch: Path) -> tuple[Parcel, ...]:
    """The tool, the delegate's libraries, and for each file ``m0.tflite`` and its input ``m0.bin``.

    Args:
        binary: The tool.
        delegate: What runs the files.
        models: The files.
        scratch: A folder, in which the inputs are written.
    """
    parcels = [Parcel(NAME, binary.path, binary.sha256)]
    parcels += [Parcel(one.name, one, sha256(read_bytes(one))) for one in delegate.libraries]
    for index, model in enumerate(models):
        noise = scratch / f"m{index}.bin"
        noise.write_bytes(model.x.tobytes())
        parcels += [Parcel(f"m{index}.tflite", model.path, model.sha256)]
        parcels += [Parcel(noise.name, noise, sha256(model.x.tobytes()))]
    return tuple(parcels)


def demand_room(parcels: Sequence[Parcel], models: Sequence[PhoneModel], free_kib: int | None, where: str) -> None:
    """See to it that everything fits, and one output, before a byte is sent.

    Args:
        parcels: What is sent.
        models: Whose outputs are written, one at a time.
        free_kib: Room under ``/data/local/tmp``; None is unknown.
        where: The phone, for messages.

    Raises:
        DeviceError: It does not fit.
    """
    needed = sum(one.path.stat().st_size for one in parcels) + max(model.output_bytes for model in models)
    if free_kib is not None and needed > free_kib * 1024:
        raise DeviceError(
            f"{free_kib:,} KiB are free under /data/local/tmp; expected {-(-needed // 1024):,} KiB",
            where=where,
            hint=f"free some space on the phone: adb -s {where} shell df -h /data",
        )
