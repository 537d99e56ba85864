"""A phone's delegates, storage and heat when they are not as one would like."""

import json
import time
from pathlib import Path

import pytest
from outside import tool
from outside.benched import Bench, Program, is_clean
from outside.facts import thermal
from outside.loop import World
from outside.loop_phone import Phone
from outside.phones import Phones

from sr2tflite.bench.phone.calls import Calls

pytestmark = pytest.mark.slow


def test_a_gpu_that_declines_is_no_gpu(world: World, phone: Phone, bench: Bench, model: Path, real: Path) -> None:
    told = bench(model, "--benchmark-model", real, "--delegate", "gpu", "--json")
    (measured,) = json.loads(told.out)["results"][0]["models"]
    assert (told.status, measured["verdict"]) == (0, "fell back")
    assert measured["placement"]["asked"] == "gpu"
    assert measured["placement"]["obtained"] != "gpu"
    assert is_clean(world, phone)


def test_a_tool_without_the_delegates_flag(
    world: World, phone: Phone, bench: Bench, model: Path, program: Program
) -> None:
    fewer = program(tool.the_real_one([flag for flag in tool.FLAGS if flag != "use_gpu"]))
    assert bench(model, "--benchmark-model", fewer, "--delegate", "gpu").is_error(3, "use_gpu", "--benchmark-model")
    assert is_clean(world, phone)


@pytest.mark.parametrize(
    ("options", "says"),
    [("size=16k", "free"), ("ro", "Read-only file system"), ("noexec", "Permission denied")],
    ids=["full", "read-only", "noexec"],
)
def test_a_folder_that_is(
    options: str, says: str, world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    phone.remount(options)
    assert bench(model, "--benchmark-model", real).is_error(3, phone.serial, says)
    assert is_clean(world, phone)


def test_one_of_two_phones_is_full(world: World, phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    """The other's figures are told all the same."""
    one, other = phones(2)
    one.remount("size=16k")
    told = bench(model, "--benchmark-model", real, "--all-devices", "--json")
    report = json.loads(told.out)
    assert (told.status, len(report["results"]), len(report["failures"])) == (3, 1, 1)
    assert "free" in report["failures"][0]["message"]
    assert is_clean(world, one, other)


def test_a_phone_that_gets_hot_between_rounds_is_waited_for_and_told(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def cool_down(_calls: Calls, seconds: float) -> None:
        waits.append(seconds)
        phone.tell("dumpsys/thermalservice", thermal())

    monkeypatch.setattr(Calls, "pause", cool_down)
    phone.tell("hot", thermal(status=2, skin=44.5))
    real.write_bytes(tool.the_real_one(then="cat /system/facts/hot > /system/facts/dumpsys/thermalservice"))
    told = bench(model, "--benchmark-model", real, "--json")
    (measured,) = json.loads(told.out)["results"][0]["models"]
    assert (told.status, measured["verdict"]) == (0, "throttled")
    assert [(one["before"]["thermal_status"], one["after"]["thermal_status"]) for one in measured["rounds"]] == [
        (0, 2)
    ] * 2
    assert measured["rounds"][1]["after"]["temperatures_c"]["skin"] == 44.5
    assert waits
    assert is_clean(world, phone)


def test_a_phone_that_stays_hot(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Calls, "pause", lambda *_: time.sleep(0.05))
    phone.tell("dumpsys/thermalservice", thermal(status=3))
    told = bench(model, "--benchmark-model", real, "--cool-limit", "0.1")
    assert told.is_error(3, "thermal status severe", "--cool-limit")
    assert is_clean(world, phone)
