"""The few figures at the head of a page."""

from dataclasses import dataclass
from math import isfinite

from sr2tflite.run.artifacts import DEPLOY, MODEL, MODEL_FLOAT, MODEL_FREE
from sr2tflite.run.gates import Finding
from sr2tflite.run.report import Report
from sr2tflite.run.report.numbers import counted, decimals, milliseconds, signed, size


@dataclass(frozen=True)
class Tile:
    """One figure."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Gate:
    """A gate in words, with how much of its bound is used."""

    name: str
    bound: str
    measured: str
    holds: bool
    used: float
    """Percent, at most 100."""


NAMES = {
    "psnr_drop_db": "PSNR below float, dB",
    "ssim_drop": "SSIM below float",
    "latency_ratio": "latency over float",
}


def tiles(report: Report) -> list[Tile]:
    """What there is of quality, its loss, latency and size."""
    return [*_quality(report), *_latency(report), *_file(report)]


def _quality(report: Report) -> list[Tile]:
    found = report.evaluation
    if found is None or not found.protocols:
        return []
    protocol = found.protocols[0]
    name, images = protocol.split(" ")[0], counted(len(found.images), "image")
    free, fixed, float_, bicubic = (found.row(one, protocol) for one in (MODEL_FREE, MODEL, DEPLOY, "bicubic"))
    int8 = free or fixed
    if int8 is None:
        return []
    tiles = [Tile("INT8 quality", f"{decimals(int8.psnr, 3)} dB", f"PSNR {name}, {images}")]
    if bicubic is not None and bicubic.psnr is not None and int8.psnr is not None:
        tiles.append(Tile("Above bicubic", f"{signed(int8.psnr - bicubic.psnr, 3)} dB", f"bicubic {bicubic.psnr:.3f}"))
    if float_ is not None and float_.psnr is not None and int8.psnr is not None:
        tiles.append(Tile("Against float", f"{signed(int8.psnr - float_.psnr, 3)} dB", f"float {float_.psnr:.3f}"))
    return tiles


def _latency(report: Report) -> list[Tile]:
    for bench in report.benches:
        models = {one.name: one for one in bench.models}
        ratio = next(
            (one.ratio for one in bench.ratios if one.model == MODEL), report.stages.get("bench", {}).get("ratio")
        )
        if MODEL in models:
            times = f"{ratio:.2f} × the float twin" if MODEL_FLOAT in models and isinstance(ratio, float) else ""
            return [Tile("Latency", milliseconds(models[MODEL].latency_ms.center), times or bench.device_name)]
    return []


def _file(report: Report) -> list[Tile]:
    files = {one.file: one for one in report.artifacts}
    file = files.get(MODEL) or files.get(MODEL_FREE)
    if file is None:
        return []
    twin = files.get(MODEL_FLOAT)
    return [Tile("File", size(file.size_bytes), f"float twin {size(twin.size_bytes)}" if twin else file.file)]


def gates(findings: list[Finding]) -> list[Gate]:
    """Every gate."""
    return [
        Gate(
            NAMES.get(one.gate, one.gate),
            f"{one.bound:g}",
            "not measured" if one.measured is None else decimals(one.measured, 4),
            one.holds,
            _used(one),
        )
        for one in findings
    ]


def _used(finding: Finding) -> float:
    if finding.measured is None or not isfinite(finding.measured) or finding.bound <= 0:
        return 100.0
    return min(max(100 * finding.measured / finding.bound, 0.0), 100.0)
