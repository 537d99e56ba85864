"""The crops of a page: every rendering of a window as a picture inside the page, with its figures."""

import base64
from dataclasses import dataclass
from math import inf
from pathlib import Path, PurePath

import cv2

from sr2tflite.data.images import read_image
from sr2tflite.errors import InputError
from sr2tflite.files import read_range
from sr2tflite.run.artifacts import DEPLOY, MODEL_FREE, PTQ_FREE, QAT
from sr2tflite.run.crops import (
    BASELINE,
    BICUBIC,
    FINAL,
    FLOAT,
    ORIGINAL,
    RENDERINGS,
    Image,
    distance,
    error_map,
    windows,
)
from sr2tflite.run.report import Crop, Report
from sr2tflite.run.report.told.quality import Evaluation

MOST = 8
"""Images on a page; a run's folder has the others."""

MOST_MAPS, MOST_BYTES = 6, 1_000_000
"""Error maps of findings, and the size of one."""

PNG = b"\x89PNG\r\n\x1a\n"

ARTIFACT_OF = {BICUBIC: "bicubic", FLOAT: DEPLOY, BASELINE: PTQ_FREE, FINAL: MODEL_FREE}
"""Whose rows in the evaluation a rendering's figures are."""

NAMES = {BICUBIC: "Bicubic", FLOAT: "Float", BASELINE: "INT8, PTQ only", FINAL: "INT8", ORIGINAL: "HR original"}


@dataclass(frozen=True)
class Rendering:
    """One window as one artifact renders it."""

    name: str
    source: str
    """A ``data:`` address."""

    figures: str
    """Of the whole image, by the first protocol."""


@dataclass(frozen=True)
class Shown:
    """An image on the page."""

    image: str
    side: int
    renderings: tuple[Rendering, ...]
    map_source: str
    """Of the INT8 file against the float network."""

    map_text: str


def shown(report: Report, folder: Path) -> list[Shown]:
    """The images where INT8 is farthest below float, the farthest first.

    Pictures that are none of a run's are left out, and noted in the report.
    """
    found = []
    for crop in sorted(report.crops, key=lambda crop: -_drop(report.evaluation, crop.image))[:MOST]:
        panels = _panels(report, folder, crop)
        if panels is not None:
            found.append(_shown(report, crop, panels))
    return found


def _drop(evaluation: Evaluation | None, image: str) -> float:
    pair = [_score(evaluation, artifact, image) for artifact in (DEPLOY, MODEL_FREE)]
    if pair[0] is None or pair[1] is None:
        return -inf
    return pair[0][0] - pair[1][0] if pair[0][0] != pair[1][0] else 0.0


def _score(evaluation: Evaluation | None, artifact: str, image: str) -> tuple[float, float] | None:
    row = evaluation.row(artifact, evaluation.protocols[0]) if evaluation and evaluation.protocols else None
    score = next((one for one in row.images if one.image == image), None) if row else None
    return None if score is None else (inf if score.psnr is None else score.psnr, score.ssim)


def _panels(report: Report, folder: Path, crop: Crop) -> dict[str, Image] | None:
    try:
        found = windows(read_image(folder / crop.file))
    except InputError as error:
        report.notes.append(f"{crop.file}: {error.message}")
        return None
    if found is None or len(found) < len(RENDERINGS):
        report.notes.append(f"{crop.file}: is no picture of a run")
        return None
    is_trained = any(one.file == QAT for one in report.artifacts)
    panels = dict(zip(RENDERINGS, found, strict=False))
    return {name: image for name, image in panels.items() if is_trained or name != BASELINE}


def _shown(report: Report, crop: Crop, panels: dict[str, Image]) -> Shown:
    apart = distance(panels[FLOAT], panels[FINAL])
    renderings = tuple(
        Rendering(NAMES[name], address(image), _figures(report.evaluation, name, crop.image))
        for name, image in panels.items()
    )
    text = f"|INT8 − float|: mean {apart.mean():.2f}, at most {apart.max()} of 255"
    return Shown(crop.image, apart.shape[0], renderings, address(error_map(apart)), text)


def _figures(evaluation: Evaluation | None, name: str, image: str) -> str:
    score = _score(evaluation, ARTIFACT_OF.get(name, ""), image)
    if score is None:
        return ""
    return f"{'∞' if score[0] == inf else f'{score[0]:.2f}'} dB, SSIM {score[1]:.4f}"


def address(image: Image) -> str:
    """A picture as a ``data:`` address: PNG, as small as it gets."""
    done, encoded = cv2.imencode(".png", image[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert done
    return _png_address(encoded.tobytes())


def _png_address(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def maps(report: Report, folder: Path) -> dict[str, str]:
    """The error maps that findings name and that lie in the folder, by the name; each as a ``data:`` address."""
    found: dict[str, str] = {}
    named = [one.error_map for check in report.checks for rule in check.rules for one in rule.findings if one.error_map]
    for name in named[:MOST_MAPS]:
        # the place may be told from another working folder: its last two parts say where in this one
        path = folder.joinpath(*PurePath(name).parts[-2:])
        if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            data = read_range(path, 0, MOST_BYTES + 1)
            if data.startswith(PNG) and len(data) <= MOST_BYTES:
                found[name] = _png_address(data)
    return found
