"""The Mobile AI challenge's score of a file, with this device's latency in place of the challenge's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sr2tflite.bench.judged import Score
from sr2tflite.bench.result import BenchReport, BenchResult, ModelBench


@dataclass(frozen=True)
class Year:
    """How one year's challenge scored."""

    name: str
    constant: float
    """C of the formula."""

    size: tuple[int, int]
    """Height and width of the input that was timed; the output is three times as high and wide."""

    told: str
    """Where the constant is from."""


YEARS = {
    one.name: one
    for one in (
        Year("mai2021", 2.0**48, (360, 640), "follows from the published table, within 0.02 %"),
        Year("mai2022", 10 * 2.0**48, (360, 640), "follows from the published table, within 0.3 %"),
        Year("mai2026", 1.156e16, (720, 1280), "follows from three published rows, within 1 %"),
    )
}


def score(year: Year, psnr: float, latency_ms: float) -> float:
    """``2^(2·PSNR) / (C · t)``: half a decibel is worth half the time.

    References:
        Real-Time Quantized Image Super-Resolution on Mobile NPUs, Mobile AI 2021 Challenge: Report (Ignatov et al.,
        2021), https://arxiv.org/abs/2105.07825, and its successor of 2022, https://arxiv.org/abs/2211.05910.

    Args:
        year: Whose constant C to take.
        psnr: Of the INT8 file on the challenge's images, RGB, in dB.
        latency_ms: Of one inference at the year's size.
    """
    return float(2 ** (2 * psnr) / (year.constant * latency_ms))


def scored(report: BenchReport, year: Year, psnr: Mapping[str, float]) -> BenchReport:
    """The report with the score of every file; where one was measured at another size, a note says so instead.

    Args:
        report: Measurements, best at the year's size.
        year: One of ``YEARS``.
        psnr: In dB, by the file's SHA-256.
    """
    return replace(report, results=tuple(_scored(result, year, psnr) for result in report.results))


def _scored(result: BenchResult, year: Year, psnr: Mapping[str, float]) -> BenchResult:
    device, scores, notes = result.device.name, [], []
    for model in result.models:
        if other := _other_size(model, year):
            notes.append(other)
            continue
        decibels, milliseconds = psnr[model.sha256], model.latency_ms.center
        value = score(year, decibels, milliseconds)
        note = f"not the challenge's: its device is another; its constant {year.told}"
        scores.append(Score(model.name, year.name, value, decibels, milliseconds, device, note))
    return replace(result, scores=tuple(scores), notes=(*result.notes, *notes))


def _other_size(model: ModelBench, year: Year) -> str | None:
    """Why a file has no score: the year timed another size."""
    height, width = year.size
    ends = (model.input.shape, model.output.shape)
    if ends == ((1, height, width, 3), (1, 3 * height, 3 * width, 3)):
        return None
    found = " to ".join("×".join(map(str, shape[1:3])) for shape in ends)
    wanted = f"{height}×{width} to {3 * height}×{3 * width}"
    return f"{model.name}: no score: measured from {found}, while {year.name} timed {wanted}"
