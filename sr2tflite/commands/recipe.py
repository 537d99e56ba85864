"""``sr2tflite recipe``: a recipe with every default written out, and what two recipes differ in."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2tflite.run.recipe import Recipe, load

SCHEMA = "sr2tflite.recipe.diff/1"

_FILE = "recipe.yaml"
"""What a run folder calls it."""


@dataclass(frozen=True)
class Change:
    """A setting that two recipes differ in."""

    key: str
    """As ``--set`` takes it: ``qat.steps``."""

    first: Any
    second: Any
    """None also where the setting is not there."""


@dataclass(frozen=True)
class RecipeDiff:
    """Two recipes, compared."""

    first: Path
    second: Path
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``schema`` names its form."""
        return {
            "schema": SCHEMA,
            "a": str(self.first),
            "b": str(self.second),
            "equal": not self.changes,
            "changes": [{"key": one.key, "a": one.first, "b": one.second} for one in self.changes],
        }


def recipe_file(path: Path) -> Path:
    """The recipe's file, which of a run folder is the one it was made by."""
    return path / _FILE if path.is_dir() else path


def show(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """A recipe with every default, and with overrides put over it.

    Args:
        path: A recipe, or a run folder.
        overrides: Each ``a.b=c``.

    Raises:
        InputError: It cannot be read, or is not YAML.
        RecipeError: It does not fit the schema.
    """
    return load(recipe_file(path), overrides)


def diff(first: Path, second: Path, overrides: tuple[str, ...] = ()) -> RecipeDiff:
    """Compare two recipes, defaults and all.

    Args:
        first: A recipe, or a run folder.
        second: Another one.
        overrides: Put over the second.

    Raises:
        InputError: One cannot be read, or is not YAML.
        RecipeError: One does not fit the schema.
    """
    sides = [dict(_settings(one.model_dump(mode="json"))) for one in (show(first), show(second, overrides))]
    keys = dict.fromkeys([*sides[0], *sides[1]])
    pairs = [(key, sides[0].get(key), sides[1].get(key)) for key in keys]
    return RecipeDiff(first, second, tuple(Change(*pair) for pair in pairs if pair[1] != pair[2]))


def _settings(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its dotted key; lists are leaves."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from _settings(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, content
