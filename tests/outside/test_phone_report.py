"""What a person gets of phones: the table, the picture, the JSON of the one result type."""

import json
import os
from pathlib import Path

import pytest
from outside.benched import Bench, is_clean, write_model
from outside.loop import World
from outside.loop_phone import Phone
from outside.phones import Phones
from pydantic import TypeAdapter

from sr2tflite.bench.result import BenchReport


def test_the_table_says_what_ran_and_how_far_it_can_be_believed(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path, tmp_path: Path
) -> None:
    other, picture = write_model(tmp_path / "other.tflite", seed=1), tmp_path / "runs.png"
    told = bench(model, other, "--benchmark-model", real, "--plot", picture)
    assert told.status == 0
    lines = told.out.splitlines()
    last = max(os.sched_getaffinity(0))
    assert lines[0] == f"Loop Loop Phone (LOOP1), threads: 1, on processors {last} (mask {1 << last:x})"
    assert [line.split()[:2] for line in lines[2:4]] == [["model.tflite", "24×32"], ["other.tflite", "24×32"]]
    assert "other.tflite takes " in told.out
    assert "model.tflite: output identical to xnnpack here, 20,736 values" in lines
    assert "measured by adb's shell: an app's processes are scheduled otherwise" in lines
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert is_clean(world, phone)


@pytest.mark.slow
def test_two_phones_of_one_name_are_told_apart(
    world: World, phones: Phones, bench: Bench, model: Path, real: Path
) -> None:
    both = phones(2)
    told = bench(model, "--benchmark-model", real, "--all-devices")
    heads = [line.partition(",")[0] for line in told.out.splitlines() if ", threads: 1" in line]
    assert (told.status, len(set(heads))) == (0, 2), told.out
    assert [head.partition(" #")[0] for head in heads] == ["Loop Loop Phone (LOOP1)"] * 2
    assert is_clean(world, *both)


@pytest.mark.slow
def test_each_number_of_threads_is_a_result_with_processors_of_its_own(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    told = bench(model, "--benchmark-model", real, "--threads", "1,2", "--score", "mai2026", "--psnr", "30", "--json")
    assert told.status == 0, told.err
    content = json.loads(told.out)
    assert TypeAdapter(BenchReport).validate_json(told.out).to_json() == content
    one, two = content["results"]
    assert (one["threads"], two["threads"]) == (1, 2)
    assert (one["affinity"], two["affinity"]) == ("2", "3")
    assert all("taskset" in result["models"][0]["rounds"][0]["argv"] for result in (one, two))
    assert content["failures"] == []
    assert all(any("mai2026" in note for note in result["notes"]) for result in (one, two))  # of another size
    assert is_clean(world, phone)
