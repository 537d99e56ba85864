"""Devices of one name are told apart, in the table and in the picture."""

from dataclasses import replace
from pathlib import Path

import pytest
from click import Context

from sr2tflite.bench.names import device_names
from sr2tflite.bench.plan import Plan
from sr2tflite.bench.plot import picture
from sr2tflite.bench.result import BenchReport, Device, Failure, Placement
from sr2tflite.check.profile import profiles
from sr2tflite.cli import show_bench, tables
from sr2tflite.cli.benching import bench as command
from sr2tflite.commands.bench import bench


@pytest.fixture
def two(model):
    """Results of two phones of one name, each with threads 1 and 2; XNNPACK leaves an op of the first one's file."""
    plan = Plan(runs=2, rounds=2, seconds=0, size=(8, 8), threads=(1, 2))
    reports = [bench([model(f"m{index}.tflite", relu=index == 0)], plan) for index in range(2)]
    phones = [Device("android", "Phone 9", {}, serial) for serial in ("abcdef0123456789", "0123456789abcdef")]
    found = [
        replace(one, device=phone) for report, phone in zip(reports, phones, strict=True) for one in report.results
    ]
    return BenchReport(tuple(found))


def test_two_devices_of_one_name_carry_their_hashes(two):
    names = device_names(two.results)
    assert names == ["Phone 9 #abcdef"] * 2 + ["Phone 9 #012345"] * 2
    assert device_names(two.results[:2]) == ["Phone 9"] * 2


def test_the_table_says_which_phone_left_which_ops(two, capsys):
    show_bench.report(two)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if ", threads: " in line] == [
        f"Phone 9 #{serial}, threads: {threads}" for serial in ("abcdef", "012345") for threads in (1, 2)
    ]
    assert lines.count("m0.tflite: outside xnnpack on Phone 9 #abcdef: RELU") == 1
    show_bench.report(BenchReport(two.results[:1]))
    assert "m0.tflite: outside xnnpack: RELU" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("digits", [1, 6, 12])
def test_a_narrow_terminal_shows_whole_names_and_numbers(digits, capsys, monkeypatch):
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    name, numbers = "a_long_name_of_a_file_that_says_all.tflite", ["7" * digits] * 9
    tables.table(["ms", *(["median"] * 9)], [[name, *numbers], ["b.tflite", *numbers]])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["ms", *(["median"] * 9)]
    assert lines[0].split()[1:] == lines[-1].split()[1:] == numbers
    assert "".join(line.split()[0] for line in lines[:-1]) == name
    assert len(lines[0].split()[0]) >= tables.LEAST_NAME


def test_a_phone_that_was_not_measured_is_told_and_measured_again(two, capsys):
    found = replace(two, failures=(Failure("abcdef0123456789", "DeviceError", "is offline, while timing", 3),))
    show_bench.report(found)
    assert "not measured: phone #abcdef: is offline, while timing" in capsys.readouterr().out.splitlines()
    steady = [
        replace(one, models=tuple(replace(model, verdict="steady") for model in one.models)) for one in two.results
    ]
    context = Context(command, info_name="bench")
    command.parse_args(context, ["m.tflite", "--android", "--all-devices"])
    show_bench.following(replace(found, results=tuple(steady)), [Path("m.tflite")], context)
    assert capsys.readouterr().out == "next: sr2tflite bench m.tflite --android --all-devices\n"


def test_a_unit_that_declined_a_file_is_asked_why(two, capsys):
    placed = Placement("gpu", "cpu", 3, 0, None, (), fell_back=True)
    (first, *_) = two.results
    fallen = replace(first, models=(replace(first.models[0], placement=placed, verdict="fell back"),))
    show_bench.following(BenchReport((fallen,)), [Path("a file.tflite")], Context(command))
    (line,) = capsys.readouterr().out.splitlines()
    assert line == "next: sr2tflite check 'a file.tflite' --profile gpu"
    assert set(show_bench.PROFILED) <= set(profiles())


def test_the_second_phones_ops_are_told_too(two, capsys):
    show_bench.report(BenchReport(two.results[::-1]))
    assert "m0.tflite: outside xnnpack on Phone 9 #abcdef: RELU" in capsys.readouterr().out.splitlines()


def test_the_pictures_panels_tell_phones_apart(two):
    alike = replace(two, results=tuple(replace(one, device=two.results[0].device) for one in two.results))
    assert picture(two) != picture(alike)
