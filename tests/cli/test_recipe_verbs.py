"""``recipe show`` writes every default out, in a form that runs the same; ``recipe diff`` names what differs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group

TINY = "name: tiny\nstudent: abpn\ndata: {train: [photos], evaluate: [judged]}\nqat: {steps: 7}\n"

End = Callable[..., tuple[int, str, str]]


@pytest.fixture
def end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> End:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(TINY)

    def run(*words: str) -> tuple[int, str, str]:
        status = status_of(lambda: group.main(["recipe", *words], standalone_mode=False), as_json="--json" in words)
        return status, *capfd.readouterr()

    return run


def test_what_is_shown_is_a_recipe_that_says_the_same(end: End) -> None:
    status, out, err = end("show", "tiny.yaml", "--set", "qat.batch=3")
    assert (status, err) == (0, "")
    content = yaml.safe_load(out)
    assert (content["qat"]["steps"], content["qat"]["batch"], content["export"]["height"]) == (7, 3, 720)
    assert out.splitlines()[-1] == "# next: sr2tflite run tiny.yaml --set qat.batch=3"
    Path("shown.yaml").write_text(out)
    assert json.loads(end("show", "shown.yaml", "--json")[1])["recipe"] == content
    assert [one["key"] for one in json.loads(end("diff", "tiny.yaml", "shown.yaml", "--json")[1])["changes"]] == [
        "qat.batch"
    ]


def test_recipes_that_say_the_same_are_equal_whatever_they_leave_out(end: End) -> None:
    Path("other.yaml").write_text(f"{TINY}export: {{height: 720}}\n")
    status, out, _ = end("diff", "tiny.yaml", "other.yaml")
    assert (status, out) == (0, "A and B are equal\nnext: sr2tflite run other.yaml\n")


def test_what_differs_is_named_as_set_takes_it(end: End) -> None:
    status, out, _ = end("diff", "tiny.yaml", "tiny.yaml", "--set", "qat.steps=8", "--set", "bench=null", "--json")
    told = json.loads(out)
    assert (status, told["schema"], told["equal"]) == (4, "sr2tflite.recipe.diff/1", False)
    changes = {one["key"]: (one["a"], one["b"]) for one in told["changes"]}
    assert changes["qat.steps"] == (7, 8)
    assert changes["bench.threads"] == (1, None)
    assert "different: 1 setting\n" in end("diff", "tiny.yaml", "tiny.yaml", "--set", "qat.steps=8")[1]


def test_a_run_folder_stands_for_the_recipe_it_was_made_by(end: End) -> None:
    Path("runs").mkdir()
    Path("runs/recipe.yaml").write_text(end("show", "tiny.yaml")[1])
    assert end("diff", "runs", "tiny.yaml")[0] == 0


@pytest.mark.parametrize("words", [("show", "no.yaml"), ("diff", "tiny.yaml", "no.yaml")])
def test_a_recipe_that_is_not_there_is_named(words: tuple[str, ...], end: End) -> None:
    status, _, err = end(*words)
    assert (status, "no.yaml: cannot read" in err) == (2, True), err
