"""Artifacts side by side on one image set: scores against HR, and outputs against the first artifact's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sr2tflite.data.bicubic import upscale
from sr2tflite.errors import InputError
from sr2tflite.evaluate.image_set import ImageSet
from sr2tflite.evaluate.metrics import WINDOW, StepHistogram, psnr, ssim, step_histogram
from sr2tflite.evaluate.protocols import Protocol, Score
from sr2tflite.evaluate.result import BICUBIC, Artifact, Difference, EvalResult, ImageScore, Row
from sr2tflite.evaluate.runners import Runner
from sr2tflite.progress import Progress, silent

Image = NDArray[np.uint8]


def display_names(runners: Sequence[Runner]) -> list[str]:
    """What each artifact is called: its file name, or its path where two file names are the same.

    Raises:
        InputError: One file is given twice.
    """
    names = [runner.name for runner in runners]
    chosen = [name if names.count(name) == 1 else str(one.path) for one, name in zip(runners, names, strict=True)]
    for name in chosen:
        if chosen.count(name) > 1:
            raise InputError("is given twice", where=name, hint="name each artifact once")
    return chosen


def refuse_seen_images(runners: Sequence[Runner], images: ImageSet) -> None:
    """Stop where an artifact was calibrated or trained on an image it would be judged by.

    Raises:
        InputError: One was.
    """
    for runner in runners:
        seen = runner.seen
        leaked = [pair.name for pair in images.pairs if seen & pair.ids]
        if leaked:
            raise InputError(
                f"was calibrated or trained on {len(leaked)} of these images: {', '.join(leaked[:5])}",
                where=str(runner.path),
                hint="evaluate on other images",
            )


@dataclass
class _Tally:
    """Per-image findings as they come in."""

    scores: dict[tuple[str, str], list[ImageScore]] = field(default_factory=dict)
    apart: dict[str, list[tuple[float, StepHistogram]]] = field(default_factory=dict)

    def add(self, image: str, outputs: Mapping[str, Image], hr: Image, judge: "Judge") -> None:
        if min(hr.shape[:2]) < WINDOW + 2 * judge.scale:
            raise InputError(f"is {hr.shape[0]}×{hr.shape[1]}, too small for SSIM within its border", where=image)
        for protocol in judge.protocols:
            truth = protocol.samples(hr, judge.scale)
            for name, sr in outputs.items():
                found = protocol.samples(sr, judge.scale)
                score = ImageScore(image, psnr(found, truth), ssim(found, truth))
                self.scores.setdefault((name, protocol.name), []).append(score)
        first, *others = [name for name in outputs if name != BICUBIC] or [BICUBIC]
        for name in others:
            pair = outputs[name], outputs[first]
            self.apart.setdefault(name, []).append((psnr(*pair), step_histogram(*pair)))


@dataclass(frozen=True)
class Judge:
    """The protocols and the scale an evaluation goes by."""

    protocols: tuple[Protocol, ...]
    scale: int


def compare(
    runners: Sequence[Runner], images: ImageSet, protocols: Sequence[Protocol], progress: Progress = silent
) -> EvalResult:
    """Run every artifact, and the bicubic baseline, on every image.

    Raises:
        InputError: An artifact has another scale than the images, or an image cannot be read.
    """
    names, scale, tally = display_names(runners), images.scale, _Tally()
    for runner in runners:
        if runner.scale != scale:
            raise InputError(f"has scale {runner.scale}; expected {scale}", where=str(runner.path))
    judge = Judge(tuple(protocols), scale)
    for done, pair in enumerate(images.pairs, 1):
        lr, hr = pair.load(scale)
        outputs = {BICUBIC: upscale(lr, scale)}
        for name, runner in zip(names, runners, strict=True):
            outputs[name] = runner(lr)
        tally.add(pair.name, outputs, hr, judge)
        progress("judging", done, len(images.pairs), pair.name)
    artifacts = [Artifact(name, one.kind, one.sha256, one.notes) for name, one in zip(names, runners, strict=True)]
    return EvalResult(
        scale,
        images.sha256,
        tuple(pair.name for pair in images.pairs),
        (Artifact(BICUBIC, "baseline", ""), *artifacts),
        tuple(_row(tally, name, one, images) for name in (BICUBIC, *names) for one in protocols),
        tuple(_difference(tally, name, names[0]) for name in names[1:]),
    )


def _row(tally: _Tally, name: str, protocol: Protocol, images: ImageSet) -> Row:
    scores = tally.scores[name, protocol.name]
    psnr_mean, ssim_mean = (float(np.mean([getattr(one, key) for one in scores])) for key in ("psnr", "ssim"))
    mean = Score(psnr_mean, ssim_mean, protocol.id(images.scale), images.sha256)
    return Row(name, protocol.name, mean, tuple(scores))


def _difference(tally: _Tally, name: str, reference: str) -> Difference:
    found = tally.apart[name]
    values = [value for value, _ in found]
    steps = sum((histogram for _, histogram in found), StepHistogram())
    return Difference(name, reference, float(np.mean(values)), int(np.isinf(values).sum()), steps)
