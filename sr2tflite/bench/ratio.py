"""Two models compared: the ratio of their medians, and how sure it is."""

import numpy as np
from numpy.typing import NDArray

from sr2tflite.bench.result import ModelBench, Ratio

RESAMPLES = 2000


def ratio_of_medians(model: ModelBench, reference: ModelBench) -> Ratio:
    """``median(model) / median(reference)`` with a 95 % percentile-bootstrap interval.

    Rounds are drawn with replacement in pairs, since the two models of one interleaved round share the machine's mood,
    and then runs within each round.
    """
    ours, theirs = _times(model), _times(reference)
    random = np.random.default_rng(0)
    draws = [_draw(ours, theirs, random) for _ in range(RESAMPLES)]
    low, high = (float(value) for value in np.percentile(draws, (2.5, 97.5)))
    return Ratio(model.name, reference.name, float(np.median(ours) / np.median(theirs)), low, high)


def _times(model: ModelBench) -> NDArray[np.float64]:
    """Rounds × runs."""
    return np.array([one.times_ms for one in model.rounds])


def _draw(ours: NDArray[np.float64], theirs: NDArray[np.float64], random: np.random.Generator) -> float:
    rounds, runs = ours.shape
    chosen = random.integers(0, rounds, (rounds, 1))
    first, second = (random.integers(0, runs, (rounds, runs)) for _ in range(2))
    return float(np.median(ours[chosen, first]) / np.median(theirs[chosen, second]))
