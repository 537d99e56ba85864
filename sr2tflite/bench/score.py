"""The Mobile AI challenge's score of a file, with this device's latency in place of the challenge's."""

from collections.abc import Mapping
from dataclasses import replace

from sr2tflite.bench.judged import Score
from sr2tflite.bench.result import BenchReport, BenchResult, ModelBench
from sr2tflite.export.challenges import Challenge, score


def scored(report: BenchReport, year: Challenge, psnr: Mapping[str, float]) -> BenchReport:
    """The report with the score of every file; where one was measured at another size, a note says so instead.

    Args:
        report: Measurements, best at the year's size.
        year: One of ``CHALLENGES``.
        psnr: In dB, by the file's SHA-256.
    """
    return replace(report, results=tuple(_scored(result, year, psnr) for result in report.results))


def _scored(result: BenchResult, year: Challenge, psnr: Mapping[str, float]) -> BenchResult:
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


def _other_size(model: ModelBench, year: Challenge) -> str | None:
    """Why a file has no score: the year timed another size."""
    height, width = year.size
    ends = (model.input.shape, model.output.shape)
    if ends == ((1, height, width, 3), (1, 3 * height, 3 * width, 3)):
        return None
    wanted = f"{height}×{width} to {3 * height}×{3 * width}"
    return f"{model.name}: no score: measured from {model.sizes}, while {year.name} timed {wanted}"
