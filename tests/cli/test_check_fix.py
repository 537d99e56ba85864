"""``sr2tflite check --fix`` on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.graphs import quantized_sr_graph
from kit.tails import NARROW, with_tail

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.graph import tflite

Ran = Callable[..., tuple[int, str]]
CHECK = ("check", "model.tflite", "--profile", "nnapi")


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str]:
        status = status_of(lambda: group.main(list(words), standalone_mode=False), as_json="--json" in words)
        return status, capsys.readouterr().out

    return run


def write(narrow: bool = False) -> None:
    graph = with_tail(quantized_sr_graph(size=(9, 14)), is_clipped=True, wide=NARROW if narrow else None)
    Path("model.tflite").write_bytes(tflite.write(graph))


def test_a_failing_file_names_the_fix_which_passes(ran: Ran) -> None:
    write()
    status, out = ran(*CHECK)
    assert status == 4
    line = out.splitlines()[-1]
    assert line == "next: sr2tflite check model.tflite --profile nnapi --fix -o model_fixed.tflite"
    status, out = ran(*line.split()[2:])
    assert status == 0
    assert "✓ shuffle_moves: moves of values become one DEPTH_TO_SPACE, or go (apart, woven, whole)" in out
    assert "model_fixed.tflite: 9 ops before, 6 after: CONV_2D×4 ADD DEPTH_TO_SPACE" in out
    assert out.count("0 of 23,814 values differ") == 2
    assert "model_fixed.tflite passes nnapi" in out
    assert ran("check", "model_fixed.tflite", "--profile", "nnapi")[0] == 0


def test_what_changes_bytes_needs_a_word_more(ran: Ran) -> None:
    write(narrow=True)
    status, out = ran(*CHECK, "--fix", "-o", "fixed.tflite")
    assert status == 4  # the RELU still rescales
    assert "– write_at_once not applied (output): xnnpack: " in out
    assert out.splitlines()[-1].endswith("fixed.tflite --profile nnapi --fix --allow-difference -o fixed_fixed.tflite")
    assert "--allow-difference applies it all the same" in out
    status, out = ran(*CHECK, "--fix", "--allow-difference", "-o", "fixed.tflite", "--json")
    answer = json.loads(out)
    assert (status, answer["schema"], answer["passed"], answer["equal"]) == (0, "sr2tflite.fix/1", True, False)
    assert all(one["differ"] > 0 for one in answer["proof"])
    assert [one["rewrite"] for one in answer["rewrites"] if one["applied"]] == [
        "shuffle_moves",
        "drop_idle_clips",
        "write_at_once",
    ]
    assert (answer["before"]["passed"], answer["after"]["passed"]) == (False, True)


def test_nothing_to_do_writes_nothing(ran: Ran) -> None:
    Path("model.tflite").write_bytes(tflite.write(quantized_sr_graph(size=(9, 14))))
    status, out = ran(*CHECK, "--fix", "-o", "fixed.tflite")
    assert (status, Path("fixed.tflite").exists()) == (0, False)
    assert "no rewrite is to be applied; no file was written" in out


@pytest.mark.parametrize(
    "words",
    [
        ("--fix",),
        ("-o", "fixed.tflite"),
        ("--allow-difference",),
        ("--fix", "-o", "fixed.tflite", "--markdown"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(words: tuple[str, ...], ran: Ran) -> None:
    write()
    assert ran(*CHECK, *words)[0] == 2
    assert not Path("fixed.tflite").exists()


REFUSED = {
    "another kind of file": ("--profile", "nnapi", "-o", "fixed.onnx"),
    "a profile of submissions": ("--profile", "nnapi", "--profile", "mai2026", "-o", "fixed.tflite"),
    "a baseline to write": ("--profile", "nnapi", "-o", "fixed.tflite", "--write-baseline", "line.json"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_with_a_fix_is_refused_before_anything_is_written(case: str, ran: Ran) -> None:
    write()
    assert ran("check", "model.tflite", "--fix", *REFUSED[case])[0] == 2
    assert sorted(path.name for path in Path().iterdir()) == ["model.tflite"]
