from dataclasses import replace

import cv2
import numpy as np
import pytest

from sr2tflite.bench.plan import Plan
from sr2tflite.bench.plot import _point, ms_per_megapixel, output_megapixels, picture
from sr2tflite.bench.result import BenchReport
from sr2tflite.bench.rounds import Latency, latency, pooled
from sr2tflite.commands.bench import bench, draw


@pytest.fixture(scope="module")
def plans():
    return {
        "one result": Plan(runs=2, rounds=2, seconds=0, size=(8, 8)),
        "sizes and threads": Plan(runs=2, rounds=1, seconds=0, threads=(1, 2), sizes=((8, 8), (16, 16))),
    }


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("name", ["one result", "sizes and threads"])
def test_the_picture_holds_every_files_color(model, plans, name, tmp_path):
    report = bench([model("a.tflite"), model("b.tflite")], plans[name])
    draw(report, tmp_path / "p.png")
    image = decoded((tmp_path / "p.png").read_bytes())
    for blue_green_red in ((0xB0, 0x72, 0x4C), (0x52, 0x4E, 0xC4)):  # of the first file and the second
        assert (image == blue_green_red).all(axis=2).sum() > 50


def test_rounds_of_which_only_statistics_are_told_have_bars(model, plans):
    (result,) = bench([model("a.tflite")], plans["one result"]).results
    (measured,) = result.models

    def drawn(p95):
        told = Latency(1.0, 1.1, 2.0, p95, 2.0, 0.5, 9)
        rounds = tuple(replace(one, times_ms=(), latency_ms=told) for one in measured.rounds)
        return decoded(picture(BenchReport((replace(result, models=(replace(measured, rounds=rounds),)),)))).astype(int)

    # in the first file's color, on white
    bluish = [image[..., 0] - image[..., 2] > 40 for image in (drawn(None), drawn(8.0))]
    assert bluish[1].any(axis=1).sum() > bluish[0].any(axis=1).sum() + 50  # rows that hold some of it


def test_a_curves_point_is_the_time_that_the_table_tells(model, plans):
    (result,) = bench([model("a.tflite")], plans["one result"]).results
    (measured,) = result.models
    rounds = [replace(one, times_ms=times, latency_ms=latency(times)) for one, times in zip(measured.rounds, [(1.0, 2.0, 9.0), (4.0,)], strict=True)]  # fmt: skip  # noqa: E501
    told = replace(measured, rounds=tuple(rounds), latency_ms=pooled(rounds))
    megapixels = 16 * 16 / 1e6
    assert ms_per_megapixel(told) == 3 / megapixels
    assert _point(told) == (megapixels, 3 / megapixels, 1 / megapixels, 1 / megapixels)


def test_a_name_is_no_formula(model, plans):
    assert picture(bench([model("$m^$.tflite")], plans["one result"]))


def test_more_sizes_make_a_higher_picture(model, plans):
    file = model("a.tflite")
    heights = [decoded(picture(bench([file], plan))).shape[0] for plan in plans.values()]
    assert heights[1] > 3 * heights[0]


def test_megapixels_are_those_of_the_output(model, plans):
    (result,) = bench([model("a.tflite")], plans["one result"]).results
    assert output_megapixels(result.models[0]) == 16 * 16 / 1e6
