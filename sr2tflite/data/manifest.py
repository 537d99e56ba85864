"""Calibration photographs: listed in ``MANIFEST.json`` with source, license and hash, taken from installed packages."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from pydantic import Field

from sr2tflite.errors import InputError, MissingError
from sr2tflite.files import read_bytes, sha256, write_bytes
from sr2tflite.registry import Settings, parse_settings

MANIFEST = "MANIFEST.json"


class Photograph(Settings):
    """One image of a calibration folder and where it comes from."""

    file: str
    """Its name in the folder."""

    package: str
    """The installed package that holds it."""

    source: str
    """Its path inside that package's installation."""

    license: str
    """The license its package states for it, and who made it."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Of the file's bytes."""


class Manifest(Settings):
    """The photographs of a calibration folder."""

    images: list[Photograph]


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a folder.

    Raises:
        InputError: There is none, or it is not JSON.
        RecipeError: It does not fit the schema.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(read_bytes(path))
    except ValueError as error:
        raise InputError(f"is not JSON: {error}", where=str(path)) from error
    return parse_settings(Manifest, content, str(path))


def fill(folder: Path) -> list[Path]:
    """Put every photograph of the manifest into its folder, each checked against its hash.

    Raises:
        MissingError: A package that holds a photograph is not installed.
        InputError: A file's hash is not the manifest's.
    """
    return [_place(folder / photograph.file, photograph) for photograph in read_manifest(folder).images]


def _place(target: Path, photograph: Photograph) -> Path:
    if target.exists() and sha256(target.read_bytes()) == photograph.sha256:
        return target
    data = _packaged(photograph)
    if sha256(data) != photograph.sha256:
        raise InputError(
            f"{photograph.source} of {photograph.package} has another hash than the manifest says",
            where=str(target),
            hint=f"install the version of {photograph.package} that pyproject.toml names",
        )
    write_bytes(target, data)
    return target


def _packaged(photograph: Photograph) -> bytes:
    try:
        located = distribution(photograph.package).locate_file(photograph.source)
    except PackageNotFoundError as error:
        raise MissingError(
            f"package {photograph.package} is not installed", where=photograph.file, hint="pip install 'sr2tflite[dev]'"
        ) from error
    return read_bytes(Path(str(located)))
