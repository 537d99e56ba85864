import pytest

from sr2tflite.bench.phone.facts import phone_facts
from sr2tflite.bench.phone.notes import SHELL, notes
from sr2tflite.bench.phone.plan import PhonePlan
from sr2tflite.bench.phone.sections import answers
from sr2tflite.bench.result import End, ModelBench, OutputCheck, Placement
from sr2tflite.bench.rounds import Latency, Round, State

GOOD = State(thermal_status=0)
CPUS = "0 cpufreq/cpuinfo_max_freq 2800000\n0 cpufreq/scaling_max_freq {}\n"


def said(
    *,
    state=GOOD,
    median=1.0,
    obtained="xnnpack",
    taken=3,
    outside=(),
    check=True,
    mask="f0",
    limit=2800000,
    tools="",
    **plan,
):
    facts = phone_facts(answers(f"@@cpus\n{CPUS.format(limit)}\n@@tools\n{tools}\n"), "")
    rounds = [Round((), 1.0, 1.0, (), Latency(1.0, None, median, None, 1.5, None, 5), before=state)] * 2
    end, checked = End("int8", (1,)), OutputCheck(1, 0, 0.0, None) if check else None
    model = ModelBench.of_rounds(
        rounds, Placement("xnnpack", obtained, 3, taken, 1, outside),
        name="m", sha256="", size_bytes=1, input=end, output=end, output_check=checked,
    )  # fmt: skip
    found = notes(PhonePlan(**plan), facts, mask, [model])
    assert found[0] == SHELL
    return found[1:]


def test_nothing_odd_is_nothing_to_say():
    assert said() == ()
    assert said(affinity="any", mask=None) == ()
    assert said(check=False, checks_output=False) == ()
    assert said(taken=2, outside=("RELU",)) == ()
    assert said(taken=None) == ()


@pytest.mark.parametrize(
    ("odd", "note"),
    [
        ({"mask": None}, "not held on any processors: the phone has no taskset"),
        ({"mask": None, "tools": "/bin/taskset"}, "not held on any processors: the phone tells of no faster ones"),
        ({"limit": 2400000}, "clocks were held down from the start: cpu0 2400 of 2800 MHz"),
        ({"state": State(thermal_status=0, power_save=True)}, "power saving was on"),
        ({"state": State()}, "the phone tells neither thermal status nor temperatures: heat is unknown"),
        ({"median": None}, "this benchmark_model tells no median; mean: m 1.5 ms"),
        ({"obtained": None}, "this benchmark_model does not tell whether xnnpack ran the file"),
        ({"taken": 2}, "which ops xnnpack left is not known, this benchmark_model profiles no ops: m"),
        ({"taken": 2, "profiles": False}, "which ops xnnpack left is not known, no profile was asked for: m"),
        ({"ops": True}, "no op times: this benchmark_model profiles no ops"),
        ({"ops": True, "profiles": False}, "no op times: no profile was asked for"),
        ({"check": False}, "outputs not compared: this benchmark_model writes none"),
    ],
)
def test_what_is_odd_is_said(odd, note):
    assert said(**odd) == (note,)


def test_any_one_sign_of_heat_is_enough():
    for state in (State(thermal_status=0), State(temperatures_c={"a": 1.0}), State(battery_c=20.0)):
        assert said(state=state) == ()
