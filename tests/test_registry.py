from pathlib import Path

import pytest

from sr2tflite.errors import RecipeError
from sr2tflite.networks import students
from sr2tflite.networks.students import STUDENTS
from sr2tflite.registry import Registry, Settings, nearest, parse_settings, parse_yaml


def test_a_component_registered_twice_is_a_bug() -> None:
    registry: Registry[Settings] = Registry("thing", "sr2tflite.networks.students")
    registry.register("a")(Settings)
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("a")(Settings)


def test_names_are_the_files() -> None:
    files = [path.stem for path in Path(students.__file__).parent.glob("*.py")]
    assert STUDENTS.names() == sorted(name for name in files if not name.startswith("_"))


def test_a_component_without_a_name_is_refused() -> None:
    with pytest.raises(RecipeError, match="needs a name"):
        STUDENTS.parse({"depth": 2})


def test_the_nearest_name_is_offered_else_all_of_them() -> None:
    assert nearest("stpes", ["steps", "batch"]) == "did you mean 'steps'?"
    assert nearest("zzz", ["b", "a"]) == "one of: a, b"
    assert nearest("zzz", []) is None


def test_a_nested_unknown_key_is_named_with_its_path() -> None:
    class Inner(Settings):
        size: int = 1

    class Outer(Settings):
        inner: Inner = Inner()

    with pytest.raises(RecipeError, match=r"x: inner\.sise: unknown key; did you mean 'size'\?"):
        parse_settings(Outer, {"inner": {"sise": 3}}, "x")


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: 2001-99-99",
        "a: !!timestamp x",
        "a: !!int x",
        "a: !!binary x",
        "? [a]",
        "{[1]: 2}",
        b"\xff",
        "[" * 5000,
    ],
)
def test_what_is_no_yaml_ends_in_one_error_of_one_line(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:  # whatever PyYAML's own constructors raise
        parse_yaml(text)
    assert type(caught.value) is ValueError
    assert "\n" not in str(caught.value)
