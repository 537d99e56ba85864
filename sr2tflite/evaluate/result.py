"""What an evaluation found, as records and as JSON."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from sr2tflite.errors import InputError
from sr2tflite.evaluate.metrics import StepHistogram
from sr2tflite.evaluate.protocols import Score
from sr2tflite.registry import nearest

SCHEMA = "sr2tflite.eval/1"
BICUBIC = "bicubic"
"""The name of the baseline's rows."""


@dataclass(frozen=True)
class Artifact:
    """One thing that was evaluated."""

    name: str
    kind: str
    sha256: str
    """Empty for the baseline."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageScore:
    """One image under one protocol."""

    image: str
    psnr: float
    ssim: float


@dataclass(frozen=True)
class Row:
    """One artifact under one protocol."""

    artifact: str
    protocol: str
    """Its short name; ``mean.protocol`` is the full id."""

    mean: Score
    """Means over images of per-image values."""

    images: tuple[ImageScore, ...]


@dataclass(frozen=True)
class Difference:
    """The output of one artifact against the first one's."""

    artifact: str
    reference: str
    psnr: float
    """Mean over images, RGB, no shave; infinite where any image is equal."""

    equal_images: int
    steps: StepHistogram


@dataclass(frozen=True)
class EvalResult:
    """Every row and difference of one evaluation."""

    scale: int
    image_set: str
    """Hash of the image set."""

    images: tuple[str, ...]
    artifacts: tuple[Artifact, ...]
    rows: tuple[Row, ...]
    """The baseline first, then the artifacts in order; per artifact, the protocols in order."""

    differences: tuple[Difference, ...]

    def row(self, artifact: str, protocol: str) -> Row:
        """The row of an artifact's and a protocol's name.

        Raises:
            InputError: There is none.
        """
        for row in self.rows:
            if (row.artifact, row.protocol) == (artifact, protocol):
                return row
        names = [f"{row.artifact} {row.protocol}" for row in self.rows]
        raise InputError(f"no row {artifact} {protocol}", hint=nearest(f"{artifact} {protocol}", names))

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file; an infinite PSNR is null."""
        return {
            "schema": SCHEMA,
            "scale": self.scale,
            "image_set": self.image_set,
            "images": list(self.images),
            "artifacts": [
                {"name": one.name, "kind": one.kind, "sha256": one.sha256, "notes": list(one.notes)}
                for one in self.artifacts
            ],
            "rows": [_row_json(row) for row in self.rows],
            "differences": [_difference_json(one) for one in self.differences],
        }


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "artifact": row.artifact,
        "protocol": row.mean.protocol,
        "psnr": _finite(row.mean.psnr),
        "ssim": row.mean.ssim,
        "images": [{"image": one.image, "psnr": _finite(one.psnr), "ssim": one.ssim} for one in row.images],
    }


def _difference_json(one: Difference) -> dict[str, Any]:
    return {
        "artifact": one.artifact,
        "reference": one.reference,
        "psnr": _finite(one.psnr),
        "equal_images": one.equal_images,
        "steps": one.steps.shares(),
    }
