"""The documentation names what exists, and its command lines parse."""

import doctest
import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from sr2tflite import errors
from sr2tflite.check.rules import RULES
from sr2tflite.cli.reference import page
from sr2tflite.cli.verbs import group
from sr2tflite.networks.students import STUDENTS
from sr2tflite.networks.teachers import TEACHERS
from sr2tflite.quant.methods import METHODS
from sr2tflite.registry import Registry
from sr2tflite.run.reference import page as recipes_page
from sr2tflite.train.losses import LOSSES

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "docs/results.md", "docs/device.md", "docs/methods.md")),
    *sorted((ROOT / "sr2tflite/networks/weights").glob("*.md")),
]


KINDS: list[Registry[Any]] = [STUDENTS, TEACHERS, LOSSES, METHODS, RULES]


def _command_lines(page: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith("sr2tflite ")]


LINES = [pytest.param(line, id=f"{page.name}: {line[:60]}") for page in PAGES for line in _command_lines(page)]


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_in_the_docs_parses(line: str) -> None:
    _, verb, *words = shlex.split(line)
    command = group.commands[verb]
    assert isinstance(command, click.Command)
    command.make_context(verb, words)


@pytest.mark.parametrize("verb", sorted(group.commands))
def test_every_verb_is_in_the_readme(verb: str) -> None:
    assert re.search(rf"\b{verb}\b", (ROOT / "README.md").read_text())


@pytest.mark.parametrize("name", STUDENTS.names())
def test_every_student_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in (ROOT / "README.md").read_text()


def test_every_exit_status_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text().split("When something is wrong")[1]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for status in {kind.exit_status for kind in kinds if issubclass(kind, errors.Sr2TfliteError)}:
        assert re.search(rf"\b{status} ", text), status


def test_the_page_of_commands_is_what_the_verbs_say() -> None:
    hint = "python -m sr2tflite.cli.reference > docs/commands.md"
    assert (ROOT / "docs/commands.md").read_text() == page(), hint


def test_every_verb_knows_the_short_help() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    assert text.count("  -h, --help") == text.count("Usage: ")


def test_the_page_of_recipes_is_what_the_schema_says() -> None:
    hint = "python -m sr2tflite.run.reference > docs/recipes.md"
    assert (ROOT / "docs/recipes.md").read_text() == recipes_page(), hint


EXAMPLES = [path for path in sorted((ROOT / "sr2tflite").rglob("*.py")) if ">>> " in path.read_text()]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_in_docstrings_run(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_kind_of_component_says_how_one_is_added(kind: Registry[Any]) -> None:
    assert kind.package.replace(".", "/") in (ROOT / "docs/adding.md").read_text()


def test_every_verb_and_every_error_is_on_the_page_of_commands() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    for verb, command in group.commands.items():
        names = [f"{verb} {one}" for one in command.commands] if isinstance(command, click.Group) else [verb]
        assert all(f"\n## {name}\n" in text for name in names), verb
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, errors.Sr2TfliteError) and kind is not errors.Sr2TfliteError:
            assert re.search(rf"\| {kind.exit_status} \| .* \| `{kind.__name__}` \|", text), kind


def test_weights_come_with_a_card() -> None:
    folder = ROOT / "sr2tflite/networks/weights"
    assert {path.stem for path in folder.glob("*.safetensors")} == {path.stem for path in folder.glob("*.md")}
