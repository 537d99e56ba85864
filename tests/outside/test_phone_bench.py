"""Phones measured by ``bench --android``: the real adb, the real adbd, real runs of LiteRT."""

import json
from pathlib import Path

import pytest
from outside import tool
from outside.benched import Bench, is_clean, write_model
from outside.facts import all_facts
from outside.loop import World
from outside.loop_phone import WORK, Phone
from outside.phones import Phones


def test_a_phone_is_measured_and_its_output_is_this_machines(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    told = bench(model, "--benchmark-model", real, "--json")
    assert (told.status, told.err) == (0, "")
    (result,) = json.loads(told.out)["results"]
    (measured,) = result["models"]
    assert result["device"]["name"] == "Loop Loop Phone (LOOP1)"
    assert phone.serial not in told.out
    assert "LOOP0001" not in told.out
    assert measured["output_check"]["values"] == 72 * 96 * 3
    assert measured["output_check"]["differing"] == 0
    assert [one["latency_ms"]["n"] for one in measured["rounds"]] == [3, 3]
    assert measured["latency_ms"]["min"] > 0
    assert measured["peak_memory_kib"] > 10_000
    assert is_clean(world, phone)


def test_names_with_spaces_and_quotes_work(world: World, phone: Phone, bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s a "folder" $HOME;'
    folder.mkdir()
    model, program = write_model(folder / "a model (1).tflite"), folder / "the tool"
    program.write_bytes(tool.the_real_one())
    told = bench(model, "--benchmark-model", program, "--json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["results"][0]["models"][0]["name"] == "a model (1).tflite"
    assert is_clean(world, phone)


@pytest.mark.slow
def test_two_phones_are_measured_at_once(world: World, phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    both = phones(2)
    other = write_model(model.with_name("other.tflite"), seed=1)
    told = bench(model, other, "--benchmark-model", real, "--all-devices", "--json")
    results = json.loads(told.out)["results"]
    assert told.status == 0
    assert len({one["device"]["serial_hash"] for one in results}) == 2
    assert [[measured["name"] for measured in one["models"]] for one in results] == [
        ["model.tflite", "other.tflite"]
    ] * 2
    assert is_clean(world, *both)


@pytest.mark.slow
def test_what_an_earlier_run_left_is_not_measured_though_it_has_the_same_size(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path, tmp_path: Path
) -> None:
    """Its folder has the very name of this run's, and a file of the same length with other bytes."""
    stale = tmp_path / "stale"
    stale.write_bytes(
        write_model(tmp_path / "x", seed=1).read_bytes()[: model.stat().st_size].ljust(model.stat().st_size)
    )
    seen: list[str] = []
    spy = tool.the_real_one(then="echo ${PWD##*/} > /system/facts/folder")
    real.write_bytes(spy)
    assert bench(model, "--benchmark-model", real).status == 0
    seen.append(world.call("shell", "cat /system/facts/folder").stdout.strip())
    assert world.call("push", str(stale), f"{WORK}/{seen[0]}/m0.tflite").returncode == 0
    told = bench(model, "--benchmark-model", real, "--json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["results"][0]["models"][0]["output_check"]["differing"] == 0
    assert world.call("shell", "cat /system/facts/folder").stdout.strip() == seen[0]
    assert is_clean(world, phone)


@pytest.mark.slow
def test_facts_that_a_phone_does_not_tell_stay_unknown(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    phone.reset({"build.prop": all_facts()["build.prop"]}, {})
    told = bench(model, "--benchmark-model", real, "--json")
    assert told.status == 0, told.err
    (result,) = json.loads(told.out)["results"]
    state = result["models"][0]["rounds"][0]["before"]
    assert (state["thermal_status"], state["temperatures_c"], state["battery_c"], state["governor"]) == (
        None,
        {},
        None,
        None,
    )
    assert result["affinity"] is None
    assert is_clean(world, phone)
