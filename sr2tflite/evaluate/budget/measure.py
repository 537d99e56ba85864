"""Leaving tensors out, one after the other and together, over all images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sr2tflite.evaluate.budget.facts import ActivationFacts, weight_facts
from sr2tflite.evaluate.budget.result import Facts, Quality, Row
from sr2tflite.evaluate.budget.samples import Image, Sample, Samples
from sr2tflite.evaluate.budget.subject import Judged, Part, Subject, Values
from sr2tflite.evaluate.runners import to_pixels
from sr2tflite.graph import ops
from sr2tflite.interpret.site import Codes
from sr2tflite.progress import Progress, silent


@dataclass(frozen=True)
class Seen:
    """One image with what the file and the float graph make of it."""

    base: dict[str, Codes]
    values: Values
    float_sr: Image
    hr: Image | None


@dataclass(frozen=True)
class Measured:
    """The rows, and the two ends of the budget."""

    rows: tuple[Row, ...]
    int8: Quality
    float_hr: float | None


def measure(subject: Subject, samples: Samples, progress: Progress = silent) -> Measured:
    """Leave out every part alone, sort, and leave them out cumulatively.

    Raises:
        InputError: An image cannot be used.
        VerificationError: The interpreter's output is not LiteRT's.
    """
    parts = subject.parts()
    facts = {part.node.output: ActivationFacts(subject.graph.tensors[part.node.output]) for part in parts}
    floats: list[float] = []
    total = 2 * len(samples.images)
    alone: list[list[Judged]] = []
    for done, image in enumerate(samples.images, 1):
        seen = _seen(subject, image)
        floats.append(subject.against_hr(seen.float_sr, seen.hr))
        _count(subject, seen, facts)
        alone.append(_qualities(subject, seen, [(), *(part.tensors for part in parts)]))
        progress("leaving out one by one", done, total, image.name)
    int8, *each = _means(alone)
    order = sorted(range(len(parts)), key=lambda index: -each[index].above(int8).against_float)
    together = [tuple(name for index in order[: end + 1] for name in parts[index].tensors) for end in range(len(order))]
    cumulative = []
    for done, image in enumerate(samples.images, len(samples.images) + 1):
        cumulative.append(_qualities(subject, _seen(subject, image), together))
        progress("leaving out together", done, total, image.name)
    rows = tuple(
        _row(subject, parts[index], facts, each[index], int8, quality)
        for index, quality in zip(order, _means(cumulative), strict=True)
    )
    return Measured(rows, int8, _mean(floats))


def _seen(subject: Subject, image: Sample) -> Seen:
    lr, hr = image.load()
    values = subject.float_values(lr)
    return Seen(subject.codes(lr), values, subject.output_of(values), hr)


def _qualities(subject: Subject, seen: Seen, left_out: Sequence[Sequence[str]]) -> list[Judged]:
    return [
        subject.judged(to_pixels(subject.mixed.run(seen.base, set(names))), seen.float_sr, seen.hr)
        for names in left_out
    ]


def _count(subject: Subject, seen: Seen, facts: Mapping[str, ActivationFacts]) -> None:
    for node in subject.graph.nodes:
        if node.output in facts:
            source = seen.values.get(subject.float_side.names[node.output])
            real = subject.mixed.unrounded(node, seen.base).numpy()
            facts[node.output].add(seen.base[node.output], real, None if source is None else source.numpy())


def mean_quality(images: Sequence[Judged]) -> Quality:
    """The mean over images."""
    float_, hr = zip(*images, strict=True)
    return Quality(float(np.mean(float_)), _mean(hr))


def _means(images: Sequence[Sequence[Judged]]) -> Iterator[Quality]:
    return map(mean_quality, zip(*images, strict=True))


def _mean(values: Sequence[float]) -> float | None:
    """None where an image has no original."""
    mean = float(np.mean(values))
    return None if np.isnan(mean) else mean


def _row(
    subject: Subject, part: Part, facts: Mapping[str, ActivationFacts], alone: Quality, int8: Quality, together: Quality
) -> Row:
    node, tensor = part.node, part.tensors[0]
    return Row(
        name=subject.float_side.names[tensor],
        tensor=tensor,
        kind="weights" if part.constants else "activation",
        op=node.op.kind,
        reads=tuple(tensor.name for tensor in subject.graph.activations(node)),
        facts=_weight_facts(subject, part) if part.constants else facts[node.output].facts(),
        alone=alone,
        cost=alone.above(int8),
        cumulative=together,
    )


def _weight_facts(subject: Subject, part: Part) -> Facts:
    name = part.constants[0]
    axis = 0 if isinstance(part.node.op, ops.Conv2D) else -1
    real, fused = (constants[name] for constants in (subject.float_side.constants, subject.float_side.fused))
    return weight_facts(subject.graph.tensors[name], real, fused, axis)
