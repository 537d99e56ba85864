"""Two models compared: the ratio of their latencies, and how sure it is."""

from collections.abc import Sequence
from math import comb

import numpy as np

from sr2tflite.bench.judged import Ratio
from sr2tflite.bench.result import ModelBench

CONFIDENCE = 0.999
"""Asked of an interval. Twenty independent ones then all hold their ratio in at least 98 of 100 cases."""


def ratio(model: ModelBench, reference: ModelBench) -> Ratio:
    """The median over rounds of ``rᵢ = median(modelᵢ) / median(referenceᵢ)``, with an exact interval.

    The unit is the round and not the run: the runs of one process share its memory layout, its clock and its
    neighbors, so that a hundred of them are hardly more than one observation. Models that take turns share the moods of
    the machine, so the rounds' ratios are what varies.

    The interval is the sign test's: from the k-th smallest to the k-th largest rᵢ. It misses the median ρ of the rᵢ
    only when fewer than k of R rounds lie on one side of it, each side having probability ½, whatever the distribution

        P(miss) = 2 · Σ_{j<k} C(R, j) / 2ᴿ,

    and k is the largest that keeps this within ``1 − CONFIDENCE``, or 1. With one file against itself ρ = 1, as both
    measurements are alike and each goes first in every other round. Eleven rounds reach 99.9 %; fewer reach
    ``1 − 2^(1−R)``, and the result says so.

    References:
        Conover, Practical Nonparametric Statistics (3rd edition, 1999), section 3.2.
    """
    pairs = zip(model.rounds, reference.rounds, strict=True)
    ratios = [ours.latency_ms.center / theirs.latency_ms.center for ours, theirs in pairs]
    return Ratio(model.name, reference.name, float(np.median(ratios)), *interval(ratios))


def unequal_work(models: Sequence[ModelBench]) -> tuple[str, ...]:
    """A note where files ran at different sizes, so that a ratio is one of sizes too."""
    if len({model.sizes for model in models}) < 2:
        return ()
    told = ", ".join(f"{model.name} {model.sizes}" for model in models)
    return (f"the files ran at different sizes, which a ratio does not allow for: {told}",)


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Low and high bound of the median that independent values are drawn around, and its confidence; see ratio."""
    ordered = sorted(values)
    k, confidence = _order(len(ordered))
    return ordered[k - 1], ordered[-k], confidence


def _order(rounds: int) -> tuple[int, float]:
    """Which smallest and largest value bound the interval, and its confidence."""
    misses = _misses(rounds)
    k = max([1, *(k for k, miss in enumerate(misses, 1) if miss <= 1 - CONFIDENCE)])
    return k, 1 - misses[k - 1]


def _misses(rounds: int) -> Sequence[float]:
    """With which probability the k-th smallest to k-th largest of so many values miss the median, for k from 1."""
    tails = np.cumsum([comb(rounds, j) for j in range((rounds + 1) // 2)])
    return [float(2 * tail / 2**rounds) for tail in tails]
