"""The interval of a ratio covers what it says, also for files that are one and the same."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr2tflite.bench.ratio import CONFIDENCE, interval, ratio
from sr2tflite.bench.result import End, ModelBench, Placement
from sr2tflite.bench.rounds import Round, latency


def measured(*rounds, name="m"):
    kept = [Round((), 1.0, 1.0, tuple(times), latency(times)) for times in rounds]
    end = End("int8", ())
    placed = Placement("xnnpack", "xnnpack", 1, 1, 1, ())
    return ModelBench.of_rounds(kept, placed, name=name, sha256="", size_bytes=1, input=end, output=end)


def test_the_ratio_of_equal_models_is_one_without_doubt():
    model = measured(*[(2.0,) * 5] * 11)
    found = {"model": "m", "reference": "m", "ratio": 1, "low": 1, "high": 1, "confidence": 1 - 2**-10}
    assert vars(ratio(model, model)) == found


def test_few_rounds_say_how_little_they_know():
    for rounds, confidence in {1: 0.0, 2: 0.5, 3: 0.75, 6: 1 - 2**-5}.items():
        assert ratio(measured(*[(2.0,)] * rounds), measured(*[(1.0,)] * rounds)).confidence == confidence


def test_many_rounds_leave_their_extremes_out():
    slow = measured(*[(float(index),) for index in range(1, 16)])
    found = ratio(slow, measured(*[(1.0,)] * 15))
    assert (found.low, found.ratio, found.high) == (2, 8, 14)
    assert found.confidence == 1 - 2 * 16 / 2**15


@pytest.mark.parametrize("rounds", range(1, 41))
def test_the_confidence_is_the_sign_tests_and_the_interval_the_narrowest_that_has_enough(rounds):
    values = [float(value) for value in range(1, rounds + 1)]
    low, high, confidence = interval(values)
    k = int(low)
    assert high == rounds + 1 - k  # as many are left out above as below

    def miss(k):
        return Fraction(2 * sum(comb(rounds, j) for j in range(k)), 2**rounds)

    assert confidence == pytest.approx(float(1 - miss(k)), abs=1e-15)
    assert k == 1 or miss(k) <= 1 - Fraction(CONFIDENCE)
    assert k + 1 > rounds + 1 - (k + 1) or miss(k + 1) > 1 - Fraction(CONFIDENCE)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=30))
def test_the_interval_of_the_inverse_is_the_inverse_of_the_interval(values):
    low, high, confidence = interval(values)
    assert interval([1 / value for value in values]) == (1 / high, 1 / low, confidence)
    assert low <= np.median(values) <= high


def shared_moods(random, rounds):
    """Log factors that both models of a round share: drift, and a clock with two speeds."""
    return np.linspace(0, 0.3, rounds) + 0.35 * random.integers(0, 2, rounds)


WEATHER = {
    "quiet": lambda random, rounds: random.normal(0, 0.01, (2, rounds)),
    "moods in common": lambda random, rounds: shared_moods(random, rounds) + random.normal(0, 0.02, (2, rounds)),
    "each process at one of two clocks": lambda random, rounds: 0.35 * random.integers(0, 2, (2, rounds)),
    "now and then a slow process": lambda random, rounds: 0.02 * random.pareto(1.5, (2, rounds)),
}


@pytest.mark.parametrize("weather", WEATHER.values(), ids=WEATHER)
def test_the_interval_holds_the_truth_as_often_as_it_says(weather):
    random, rounds, repeats, missed = np.random.default_rng(3), 12, 20_000, 0
    for _ in range(repeats):
        first, second = weather(random, rounds)
        low, high, confidence = interval((first - second).tolist())
        missed += not low <= 0 <= high
    # 12 rounds miss with 2⁻¹¹, so 9.8 of 20,000 are expected; more than 23 happens once in ten thousand
    assert confidence == 1 - 2**-11 > CONFIDENCE
    assert missed <= 23


def test_twenty_comparisons_of_a_file_with_itself_all_hold_one():
    random, failed = np.random.default_rng(4), 0
    for _ in range(1000):
        logs = WEATHER["each process at one of two clocks"](random, 12 * 20) + random.normal(0, 0.01, (2, 240))
        bounds = [interval(part.tolist()) for part in (logs[0] - logs[1]).reshape(20, 12)]
        failed += not all(low <= 0 <= high for low, high, _ in bounds)
    # 1 − (1 − 2⁻¹¹)²⁰ = 1 % of the twenties hold a miss; more than 23 of 1000 happens once in ten thousand
    assert failed <= 23


def test_runs_of_one_process_count_as_one_observation():
    """A hundred runs in each of three processes, one of them lucky: three observations, not three hundred."""
    ours = measured(*[(1.0,) * 100] * 2, (0.7,) * 100)
    theirs = measured(*[(1.0,) * 100] * 3)
    found = ratio(ours, theirs)
    assert (found.low, found.high, found.confidence) == (0.7, 1.0, 0.75)


def test_the_interval_of_different_files_is_narrow_where_rounds_agree():
    random = np.random.default_rng(0)
    slow, fast = (measured(*(random.normal(mean, 0.05, 20) for _ in range(12))) for mean in (2.0, 1.0))
    found = ratio(slow, fast)
    assert found.low < 2 < found.high
    assert found.high - found.low < 0.2
