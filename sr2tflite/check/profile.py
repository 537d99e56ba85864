"""A profile: a YAML file that names rules, with settings where they are not the usual ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sr2tflite.check.rules import RULES, Rule
from sr2tflite.errors import RecipeError
from sr2tflite.export.challenges import CHALLENGES, Challenge
from sr2tflite.files import read_bytes
from sr2tflite.registry import Settings, nearest, parse_settings, parse_yaml

FOLDER = Path(__file__).parent / "profiles"


class _File(Settings):
    """What a profile's YAML may say."""

    question: str
    """That a clean report answers with yes."""

    challenge: str | None = None
    """Whose packages it is about; none where it is about single files."""

    rules: tuple[str | dict[str, Any], ...]
    """Each ``name`` or ``{name: …, setting: …}``, in the order in which they are asked."""


class Profile(Settings):
    """Rules with their settings, in order."""

    name: str
    question: str
    challenge: Challenge | None
    """Whose packages it is about; None where it is about single files."""

    rules: tuple[tuple[str, Rule], ...]


def profiles() -> list[str]:
    """Names of the profiles that come with the program, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_profile(name: str, told: Mapping[str, Mapping[str, Any]] | None = None) -> Profile:
    """A profile by its name.

    Args:
        name: One of :func:`profiles`, or the path of a YAML file.
        told: Settings that go over the profile's, by rule.

    Raises:
        RecipeError: There is none, it is no YAML, or a rule or a setting is unknown.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if path.parent == FOLDER and path.stem not in profiles():
        raise RecipeError(f"unknown profile {name!r}", hint=nearest(name, profiles()))
    try:
        content = parse_yaml(read_bytes(path))
    except ValueError as error:
        raise RecipeError(f"is no YAML: {error}", where=str(path)) from error
    file = parse_settings(_File, content, path.name, hint=f"start from one in {FOLDER}")
    rules = tuple(RULES.parse(_settled(one, told or {}), path.name) for one in file.rules)
    return Profile(name=path.stem, question=file.question, challenge=_challenge(file, path), rules=rules)


def _challenge(file: _File, path: Path) -> Challenge | None:
    if file.challenge is None or file.challenge in CHALLENGES:
        return CHALLENGES[file.challenge] if file.challenge else None
    raise RecipeError(
        f"unknown challenge {file.challenge!r}", where=path.name, hint=nearest(file.challenge, list(CHALLENGES))
    )


def _settled(rule: str | dict[str, Any], told: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    written = {"name": rule} if isinstance(rule, str) else rule
    return {**written, **told.get(str(written.get("name")), {})}
