"""Devices of one name are told apart, in the table and in the picture."""

from dataclasses import replace

import pytest

from sr2tflite.bench.names import device_names
from sr2tflite.bench.plan import Plan
from sr2tflite.bench.plot import picture
from sr2tflite.bench.result import BenchReport, Device
from sr2tflite.cli import show_bench
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


def test_the_second_phones_ops_are_told_too(two, capsys):
    show_bench.report(BenchReport(two.results[::-1]))
    assert "m0.tflite: outside xnnpack on Phone 9 #abcdef: RELU" in capsys.readouterr().out.splitlines()


def test_the_pictures_panels_tell_phones_apart(two):
    alike = replace(two, results=tuple(replace(one, device=two.results[0].device) for one in two.results))
    assert picture(two) != picture(alike)
