import statistics
from dataclasses import replace

import numpy as np
import pytest

from sr2tflite.bench.result import End, ModelBench, Placement
from sr2tflite.bench.rounds import Latency, Round, Signals, State, latency, pooled
from sr2tflite.bench.verdict import disturbances, has_throttled, verdict


def told(*times, pressure=None):
    """A round with its times."""
    return Round(("run",), 1.0, 2.0, times, latency(times), times, signals=Signals(pressure=pressure))


def summarized(center, n):
    """A round of a tool that tells statistics alone."""
    return Round(("run",), None, None, (), Latency(center - 1, None, None, None, center, 0.5, n))


def test_statistics_are_those_of_numpy_and_the_standard_library():
    times = [float(value) for value in np.random.default_rng(0).uniform(1, 2, 31)]
    found = latency(times)
    assert (found.min, found.mean, found.std, found.n) == (min(times), statistics.fmean(times), statistics.stdev(times), 31)  # fmt: skip  # noqa: E501
    assert [found.p5, found.median, found.p95] == np.percentile(times, (5, 50, 95)).tolist()
    assert latency([3.0]).std is None


def test_rounds_with_their_times_are_pooled_run_by_run():
    assert pooled([told(1.0, 2.0), told(3.0)]) == latency([1.0, 2.0, 3.0])


def test_rounds_without_their_times_give_what_each_of_them_tells():
    whole = pooled([summarized(10.0, 1), summarized(20.0, 3)])
    assert (whole.min, whole.p5, whole.median, whole.p95, whole.mean, whole.n) == (9.0, None, None, None, 17.5, 4)
    untold = Round((), None, None, (), Latency(1.0, None, None, None, 1.0, None, 1))
    assert pooled([summarized(10.0, 1), untold]).std is None
    parts = [Round((), None, None, (), Latency(1, p5, p5 + 1, p5 + 2, 3, None, 1)) for p5 in (2.0, 4.0)]
    assert (pooled(parts).p5, pooled(parts).median, pooled(parts).p95) == (3, 4, 5)
    assert pooled([summarized(10.0, 1)]) == summarized(10.0, 1).latency_ms


def test_the_deviation_of_all_runs_follows_from_that_of_the_rounds():
    rng = np.random.default_rng(0)
    times = [rng.uniform(low, low + 2, n) for low, n in ((1, 7), (2, 50), (5, 3))]
    parts = [Latency(one.min(), None, None, None, one.mean(), one.std(), len(one)) for one in times]
    found = pooled([Round((), None, None, (), one) for one in parts]).std
    assert found == pytest.approx(np.concatenate(times).std(), rel=1e-12)  # of sums in another order


NOISY = {
    "one round": ([told(1.0, 1.0)], "one round alone"),
    "rounds apart": ([told(1.0, 1.0), told(1.2, 1.2)], "9.1 % apart"),
    "a long tail": ([told(*[1.0] * 2, *[1.2] * 5)] * 2, "1.20 times the 5th percentile"),
    "a long tail that a tool tells": (
        [Round((), None, None, (), Latency(1.0, 1.0, 1.2, 2.0, 1.2, None, 9))] * 2,
        "1.20 times the 5th percentile",
    ),
    "a busy machine": ([told(1.0, pressure=30.0)] * 2, "waited for a processor 30 %"),
}


@pytest.mark.parametrize(("rounds", "reason"), NOISY.values(), ids=NOISY)
def test_what_disturbs_makes_a_model_noisy_and_is_named(rounds, reason):
    assert verdict(rounds) == "noisy"
    assert [reason in one for one in disturbances(rounds)] == [True]


def test_a_model_is_steady_when_most_rounds_agree():
    rounds = [told(1.0, 1.0, pressure=3.0)] * 7 + [told(1.4, 1.4, pressure=90.0)]
    assert (disturbances(rounds), verdict(rounds)) == ((), "steady")
    assert verdict([summarized(10.0, 5)] * 2) == "steady"


def test_a_fall_back_is_graver_than_heat_and_heat_than_noise():
    rounds = [replace(told(1.0), after=State(thermal_status=2))]
    assert verdict(rounds, fell_back=True) == "fell back"
    assert verdict(rounds) == "throttled"


THROTTLED = {
    "nothing told": ([State(), State()], False),
    "cool": ([State(thermal_status=0, clock_limits_mhz={"cpu0": 1800.0})] * 2, False),
    "hot": ([State(thermal_status=0), State(thermal_status=2)], True),
    "hot all the time": ([State(thermal_status=1)] * 2, True),
    "a limit that falls": ([State(clock_limits_mhz={"cpu0": 1800.0}), State(clock_limits_mhz={"cpu0": 1200.0})], True),
    "a limit that rises": ([State(clock_limits_mhz={"cpu0": 1200.0}), State(clock_limits_mhz={"cpu0": 1800.0})], False),
    "another core's": ([State(clock_limits_mhz={"cpu7": 2800.0}), State(clock_limits_mhz={"cpu0": 1800.0})], False),
}


@pytest.mark.parametrize(("states", "expected"), THROTTLED.values(), ids=THROTTLED)
def test_heat_and_lowered_limits_are_throttling_within_a_round_and_between_two(states, expected):
    before, after = states
    assert has_throttled([replace(told(1.0), before=before, after=after)]) is expected
    assert has_throttled([replace(told(1.0), before=one, after=one) for one in states]) is expected


def test_a_models_figures_are_medians_over_its_rounds():
    rounds = [told(1.0, 2.0), told(4.0, 5.0), summarized(9.0, 1)]
    end = End("int8", (1, 2, 2, 3))
    placed = Placement("gpu", "builtin", 3, 0, 0, ("ADD",) * 3, fell_back=True)
    found = ModelBench.of_rounds(rounds, placed, name="m", sha256="", size_bytes=1, input=end, output=end)
    assert (found.init_ms, found.first_ms, found.cpu_ms, found.verdict) == (1.0, 2.0, 3.0, "fell back")
    assert str(found.placement) == "0 of 3 nodes delegated"
