"""The verb ``bench`` on this machine: what it prints, what it writes, and how it ends."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.export import direct
from sr2tflite.graph import Tensor, ops
from sr2tflite.graph.tflite import write
from sr2tflite.numerics.qparams import QuantParams

QUICK = ("--runs", "1", "--rounds", "2", "--seconds", "0", "--warmup", "0")
SMALL = ("--height", "8", "--width", "10")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("float.tflite").write_bytes(write(float_sr_graph()))
    Path("int8.tflite").write_bytes(write(quantized_sr_graph()))
    return tmp_path


Bench = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(capfd: pytest.CaptureFixture[str]) -> Bench:
    def called(*words: str) -> tuple[int, str, str]:
        status = status_of(lambda: group.main(["bench", *words], standalone_mode=False))
        out, err = capfd.readouterr()
        return status, out, err

    return called


def test_float_against_int8_by_threads_and_sizes_with_a_picture(bench: Bench) -> None:
    cpu = str(min(os.sched_getaffinity(0)))
    sized = ("--threads", "1,2", "--sizes", "8x10,16x20", "--cpus", cpu, "--plot", "p.png")
    status, out, err = bench("float.tflite", "int8.tflite", *QUICK, *sized)
    assert status == 0, err
    assert out.count("int8.tflite takes ") == 4
    assert out.count("(50 % interval ") == 4
    assert f"threads: 2, on processors {cpu}" in out
    assert "ms/megapixel" in out
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_ops_left_out_are_named_and_the_next_line_can_be_typed(bench: Bench) -> None:
    graph = quantized_sr_graph()
    (end,) = graph.outputs
    last = graph.tensors[end]
    white = graph.constant("white", np.array([127], np.int8), last.quant)
    graph.append(ops.Minimum(), (end, white), Tensor("clipped", last.shape, "int8", last.quant))
    graph.append(ops.Relu(), ("clipped",), Tensor("again", last.shape, "int8", QuantParams((2.0,), (-128,))))
    graph.outputs = ("again",)
    Path("an op.tflite").write_bytes(write(graph))
    status, out, err = bench("an op.tflite", "int8.tflite", *QUICK, *SMALL, "--ops")
    assert status == 0, err
    assert "an op.tflite: outside xnnpack: MINIMUM, RELU" in out
    assert "an op.tflite, threads: 1: ops, in a pass of its own" in out
    following = out.splitlines()[-1]
    again = "bench 'an op.tflite' int8.tflite --runs 1 --seconds 0 --warmup 0 --height 8 --width 10 --ops --rounds 12"
    assert following in ("next: sr2tflite verify 'an op.tflite'", f"next: sr2tflite {again}")


def test_what_is_typed_again_is_the_same_measurement_with_more_rounds(bench: Bench) -> None:
    _, out, _ = bench("int8.tflite", "--rounds=1", *QUICK[:2], *QUICK[4:], "--sizes", "8x10", "--threads", "2")
    following = out.splitlines()[-1]  # one round alone is noisy
    words = "int8.tflite --runs 1 --seconds 0 --warmup 0 --sizes 8x10 --threads 2 --rounds 12"
    assert following == f"next: sr2tflite bench {words}"


def test_brackets_in_a_name_are_the_names_own(bench: Bench) -> None:
    names = ["m[int8].tflite", "a[/b].tflite", "x:smile:.tflite"]
    Path("a[").mkdir()
    for name in names:
        Path(name).write_bytes(Path("int8.tflite").read_bytes())
    status, out, err = bench(*names, *QUICK, *SMALL)
    assert status == 0, err
    assert [line.split()[0] for line in out.splitlines()[2:5]] == ["m[int8].tflite", "b].tflite", "x:smile:.tflite"]


def test_a_picture_that_cannot_be_written_loses_nothing_that_was_measured(bench: Bench) -> None:
    Path("file").write_text("")
    status, out, err = bench("int8.tflite", *QUICK, *SMALL, "--plot", "file/p.png")
    assert status == 3
    assert "int8.tflite" in out
    assert err.startswith("error: file: is a file; expected a folder")
    Path("p.png").mkdir()
    status, out, err = bench("int8.tflite", *QUICK, *SMALL, "--plot", "p.png")
    assert (status, out) == (2, "")


def test_files_of_different_sizes_are_told_and_a_size_that_changes_nothing_is_too(bench: Bench) -> None:
    Path("fixed.tflite").write_bytes(write(direct.prepare(quantized_sr_graph(), height=24, width=32, io="int8")))
    status, out, err = bench("fixed.tflite", "int8.tflite", *QUICK, *SMALL)
    assert status == 0, err
    sizes = "fixed.tflite 24×32 to 72×96, int8.tflite 8×10 to 24×30"
    assert f"the files ran at different sizes, which a ratio does not allow for: {sizes}" in out
    assert "fixed.tflite: fixes its size, 24×32, which --height and --width do not change; --sizes 8x10 does" in out
    for alike in (("--sizes", "8x10"), ("--height", "24", "--width", "32")):
        _, out, _ = bench("fixed.tflite", "int8.tflite", *QUICK, *alike)
        assert "int8.tflite takes " in out
        assert "different sizes" not in out
        assert "fixes its size" not in out


def test_a_score_is_of_the_size_that_the_challenge_timed_and_names_the_device(bench: Bench) -> None:
    status, out, err = bench("int8.tflite", *QUICK, "--score", "mai2022", "--psnr", "29.9", "--json")
    assert status == 0, err
    (result,) = json.loads(out)["results"]
    (score,) = result["scores"]
    assert result["models"][0]["input"]["shape"] == [1, 360, 640, 3]
    assert (score["year"], score["psnr"], score["device"]) == ("mai2022", 29.9, result["device"]["name"])


def test_a_file_of_another_size_has_no_score_and_its_times_all_the_same(bench: Bench) -> None:
    status, out, _ = bench("int8.tflite", *QUICK, *SMALL, "--score", "mai2026", "--psnr", "29.9")
    assert status == 0
    assert "no score: measured from 8×10 to 24×30, while mai2026 timed 720×1280 to 2160×3840" in out


def test_the_schema_is_printed_without_a_model(bench: Bench) -> None:
    status, out, _ = bench("--schema")
    assert status == 0
    assert "BenchResult" in json.loads(out)["$defs"]


WRONG = {
    "a score without PSNR": (("--score", "mai2022"), "--score and --psnr go together"),
    "PSNR without a score": (("--psnr", "30"), "--score and --psnr go together"),
    "no such year": (("--score", "mai2020", "--psnr", "30"), "mai2020"),
    "no size": (("--sizes", "720"), "'720' is no size; expected height by width"),
    "a size of nothing": (("--sizes", "0x8"), "'0x8' is no size"),
    "no threads": (("--threads", "0"), "'0' is no number from 1 on"),
    "a range without an end": (
        ("--threads", "1-"),
        "'1-' is no number from 1 on, nor a range; expected such as 1,3 or",
    ),
    "processors that are not there": (("--cpus", "9000-9002,9005"), "no processor 9000-9002,9005 is ours"),
    "threads downward": (("--threads", "3-1"), "'3-1' is no number"),
    "no processor": (("--cpus", "x"), "'x' is no number from 0 on"),
    "a processor that is not there": (("--cpus", "9000"), "no processor 9000 is ours"),
    "no picture": (("--plot", "p.jpg"), "p.jpg does not end in .png"),
    "no evaluation": (("--score", "mai2022", "--psnr", "no.json"), "'no.json' is neither a number nor a file"),
    "a PSNR of nobody": (("--score", "mai2022", "--psnr", "1e9"), "expected up to 100"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_wrong_words_end_in_one_message(bench: Bench, words: tuple[str, ...], message: str) -> None:
    status, out, err = bench("int8.tflite", *words)
    assert (status, out) == (2, ""), err
    assert message in err
