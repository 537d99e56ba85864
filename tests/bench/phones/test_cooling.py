import pytest

from sr2tflite.bench.phone.cooling import Cooling, cooled, heat
from sr2tflite.bench.phone.sections import answers
from sr2tflite.bench.phone.state import phone_state
from sr2tflite.errors import DeviceError


def state(status=None, skin=None):
    text = "" if status is None else f"Thermal Status: {status}\n"
    if skin is not None:
        text += f"Current temperatures from HAL:\nTemperature{{mValue={skin}, mType=3, mName=SKIN, mStatus=0}}\n"
    return phone_state(answers(f"@@thermal\n{text}\n"))


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def pause(self, seconds):
        assert seconds > 0
        self.now += seconds


def waited(states, cooling):
    clock, told, queue = Clock(), [], list(states)
    found = cooled(
        lambda: queue.pop(0) if len(queue) > 1 else queue[0],
        cooling, "abc", lambda *words: told.append(words), clock=clock, pause=clock.pause,
    )  # fmt: skip
    return found, clock.now, told


def test_a_cool_phone_is_not_waited_for():
    assert waited([state(0, 30)], Cooling())[1:] == (0, [])


def test_a_phone_that_tells_nothing_is_not_waited_for():
    assert waited([state()], Cooling())[1:] == (0, [])


def test_waits_until_status_and_temperature_are_low():
    states = [state(1, 30), state(0, 39), state(0, 38.0), state(0, 37.9)]
    found, seconds, told = waited(states, Cooling(max_c=38, pause_s=5))
    assert (found.felt_c, seconds) == (37.9, 15)
    assert [words[3] for words in told] == [
        "thermal status light; expected none", "39.0 °C; expected less than 38", "38.0 °C; expected less than 38",
    ]  # fmt: skip


def test_a_phone_that_stays_hot_is_an_error_in_time():
    with pytest.raises(DeviceError, match=r"still not cool after 12 s: 41\.0 °C; expected less than 38") as caught:
        waited([state(0, 41)], Cooling(limit_s=12, pause_s=5))
    assert "--max-temp" in caught.value.hint


def test_a_status_that_nobody_knows_is_hot():
    assert heat(state(9), Cooling()) == "thermal status shutdown; expected none"
