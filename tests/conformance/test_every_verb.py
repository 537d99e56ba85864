"""The law of the command line: JSON with a form, results on stdout and nothing else, and last what to type next.

A new verb fails here until it says in ``REAL`` how it is tried.
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.students import randomized

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.images import write_image
from sr2tflite.data.manifest import read_manifest
from sr2tflite.graph import onnx, tflite
from sr2tflite.graph.shapes import with_size
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS

SHORT = ("--set=steps=2", "--set=batch=1", "--set=patch=16", "--set=held_out=1", "--set=validate_every=2")
TINY = "--student-set channels=4 --student-set depth=1"
RNG = np.random.default_rng(0)

REAL: dict[str, str] = {
    "bench": "m.tflite --runs 1 --rounds 1",
    "budget": "ptq.onnx --float deploy.onnx --lr judged",
    "check": "m.tflite --profile integrity",
    "completion": "bash",
    "diff": "ptq.onnx free.tflite",
    "doctor": "",
    "eval": "m.tflite --data judged",
    "export": "ptq.onnx --free-shape --no-cross-check -o exported.tflite",
    "fuse": "tiny.safetensors -o fused.onnx",
    "inspect": "m.tflite",
    "package": "ptq.onnx --profile mai2022 -o package.zip",
    "photographs": "calibration",
    "ptq": "deploy.onnx --calibrate photos -o new.onnx",
    "qat": f"deploy.onnx --data photos -o qat.onnx {' '.join(SHORT)}",
    "recalibrate": "normalized.safetensors --data photos --batches 1 -o recalibrated.safetensors",
    "recipe diff": "tiny.yaml tiny.yaml",
    "recipe schema": "",
    "recipe show": "tiny.yaml",
    "report": ". -o page.html",
    "run": "tiny.yaml --dry-run",
    "train": f"anchor_rep {TINY} --data photos -o new.safetensors {' '.join(SHORT)}",
    "upscale": "judged upscaled --model m.tflite",
    "verify": "free.tflite --against ptq.onnx",
}
"""Verb → the words that it is tried with, in a folder of small things; it must end well."""

FAILING = {"package": 4}
"""What ends otherwise, because so small a thing is no submission."""

FORM = re.compile(r"sr2tflite\.[a-z.]+/[1-9]\d*")


def verbs(of: click.Group = group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every verb that is registered, by all its words."""
    for name, command in of.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


VERBS = dict(verbs())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, images, and every kind of artifact, all tiny."""
    folder = tmp_path_factory.mktemp("verbs")
    for name, spec in {
        "tiny": {"name": "anchor_rep", "channels": 4, "depth": 1},
        "normalized": {"name": "aio_mai", "channels": 4, "depth": 1},
    }.items():
        student = STUDENTS.parse(spec)[1]
        weights = randomized(student).state_dict()
        checkpoint.store(folder / f"{name}.safetensors", str(spec["name"]), student, weights, {})
    quantized = quantized_sr_graph(4, 1)
    (folder / "deploy.onnx").write_bytes(onnx.write(float_sr_graph(4, 1)))
    (folder / "ptq.onnx").write_bytes(onnx.write(quantized))
    (folder / "free.tflite").write_bytes(tflite.write(quantized))
    (folder / "m.tflite").write_bytes(tflite.write(with_size(quantized, 16, 16)))
    for name in ("photos/a.png", "photos/b.png", "judged/c.png"):
        low = RNG.integers(0, 256, (8, 10, 3), dtype=np.uint8)
        write_image(folder / name, low.repeat(18, 0).repeat(18, 1))
    (folder / "tiny.yaml").write_text(
        "name: tiny\nstudent: tiny.safetensors\ndata: {train: [photos], evaluate: [judged]}\n"
    )
    photograph = read_manifest(Path(__file__).parents[2] / "calib_data").images[0]
    (folder / "calibration").mkdir()
    (folder / "calibration/MANIFEST.json").write_text(json.dumps({"images": [photograph.model_dump(mode="json")]}))
    return folder


@pytest.fixture
def end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(folder)

    def run(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = status_of(lambda: group.main(list(words), standalone_mode=False), as_json="--json" in words)
        return status, *capfd.readouterr()

    return run


def test_every_verb_is_tried_here() -> None:
    assert set(REAL) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_json_and_says_what_it_does(verb: str) -> None:
    flags = {flag for one in VERBS[verb].params for flag in one.opts}
    assert "--json" in flags
    assert VERBS[verb].help
    assert all(one.help for one in VERBS[verb].params if isinstance(one, click.Option)), verb


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_prints_one_object_with_a_form(verb: str, end: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = end(*verb.split(), *shlex.split(REAL[verb]), "--json")
    assert status == FAILING.get(verb, 0), err + out
    told: dict[str, Any] = json.loads(out)
    assert FORM.fullmatch(told["schema"]), told["schema"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_ends_with_a_command_that_parses(verb: str, end: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = end(*verb.split(), *shlex.split(REAL[verb]))
    assert status == FAILING.get(verb, 0), err + out
    assert not out.startswith("error: ")
    # what prints a text for another program, in which no comment may stand, says it on stderr
    last = (err if verb == "recipe schema" else out).splitlines()[-1]
    said = re.fullmatch(r"(# )?next: (.+)", last)
    assert said, last
    if verb == "completion":
        return  # what to type is the shell's
    program, *words = shlex.split(said.group(2))
    if verb == "doctor" and program == "pip":
        return  # something is not installed here
    assert program == "sr2tflite"
    of: click.Command = group
    while isinstance(of, click.Group):
        of = of.commands[words.pop(0)]
    of.make_context(of.name, words)


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_words_are_json_too(verb: str, end: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = end(*verb.split(), "--no-such-option", "--json")
    told = json.loads(out)
    assert (status, told["schema"], told["error"]) == (2, "sr2tflite.error/1", "UsageError")
    assert "--no-such-option" in err


@pytest.mark.parametrize("verb", ["check", "diff", "inspect"])
def test_a_verb_that_looks_needs_no_torch(verb: str) -> None:
    code = f"import sys, sr2tflite.commands.{verb}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
