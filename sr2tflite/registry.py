"""Kinds and components: a kind is a package, a component is one file in it, and both names are the same word.

``STUDENTS["abpn"]`` imports ``…/students/abpn.py`` on first use; ``STUDENTS.names()`` lists files without importing.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Generic, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from sr2tflite.errors import RecipeError


class Settings(BaseModel):
    """A frozen, typed record whose fields are the keys of a recipe; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


SettingsT = TypeVar("SettingsT", bound=Settings)
T = TypeVar("T", bound=Settings)


def parse_yaml(text: bytes | str) -> Any:
    """Plain data from YAML.

    Raises:
        ValueError: It is none; the message is one line.
    """
    try:
        return yaml.safe_load(text)
    # PyYAML's own constructors raise the others of dates, numbers and tags that are none
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from error


def parse_settings(model: type[SettingsT], data: Any, where: str, hint: str = "sr2tflite recipe schema") -> SettingsT:
    """Settings from plain data, with every mistake reported at once.

    Args:
        model: What they are of.
        data: From a file or a command line.
        where: What they stand in.
        hint: Where all keys are told.

    Raises:
        RecipeError: Unknown keys (with the nearest known one), missing keys, wrong types or values.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [_problem(model, dict(item), where) for item in error.errors()]
        raise RecipeError("\n".join(problems), hint=hint) from error


def _problem(model: type[BaseModel], item: dict[str, Any], where: str) -> str:
    path = ": ".join(part for part in (where, ".".join(map(str, item["loc"]))) if part)
    if item["type"] != "extra_forbidden":
        said = _expected(model, item) or item["msg"].removeprefix("Value error, ")
        return ": ".join(part for part in (path, f"{said[0].lower()}{said[1:]}") if part)
    owner = _model_at(model, item["loc"][:-1])
    return f"{path}: unknown key; {nearest(str(item['loc'][-1]), list(owner.model_fields)) if owner else 'remove it'}"


def _expected(model: type[BaseModel], item: dict[str, Any]) -> str | None:
    """What a list or settings are that something else stands in the place of; None of other mistakes."""
    given = item["input"]
    found = str(given) if isinstance(given, str | int | float) else f"a {type(given).__name__}"
    if item["type"] in ("tuple_type", "list_type"):
        return f"{found} is no list; expected [{found if found == str(given) else '…'}]"
    if item["type"] not in ("model_type", "model_attributes_type", "dict_type"):
        return None
    owner = _model_at(model, item["loc"])
    return f"{found} is no mapping; expected {', '.join(sorted(owner.model_fields)) if owner else 'keys and values'}"


def _model_at(model: type[BaseModel], place: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The settings that stand at a place within others, as far as annotations tell."""
    owner: type[BaseModel] | None = model
    for key in place:
        field = owner.model_fields.get(str(key)) if owner else None
        owner = _model_in(field.annotation) if field else owner
    return owner


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The settings that a field's annotation admits, where it is one model or one and None."""
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def nearest(name: str, names: list[str]) -> str | None:
    """The hint for a name that is not one of ``names``: the nearest one, or the sorted list.

    Returns:
        ``did you mean 'x'?`` or ``one of: a, b``; None when there are no names.
    """
    if not names:
        return None
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else "one of: " + ", ".join(sorted(names))


class Registry(Generic[T]):
    """The components of one kind, found by file name and imported on first use.

    Args:
        kind: What one component is called in messages, as in ``student``.
        package: The package whose files are the components; ``_name.py`` is never a component.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._components: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Class decorator: this class is the component ``name``."""

        def keep(component: type[T]) -> type[T]:
            if name in self._components:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._components[name] = component
            return component

        return keep

    def names(self) -> list[str]:
        """Sorted names of the components, without importing any."""
        spec = find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        return sorted(module.name for module in pkgutil.iter_modules(folders) if not module.name.startswith("_"))

    def parse(self, spec: str | dict[str, Any], where: str = "") -> tuple[str, T]:
        """Name and settings of a component written as ``ecb`` or ``{name: ecb, depth: 2}``.

        Raises:
            RecipeError: No or an unknown name, or settings that do not fit.
        """
        fields = {"name": spec} if isinstance(spec, str) else dict(spec)
        name = fields.pop("name", None)
        if not isinstance(name, str):
            raise RecipeError(f"a {self.kind} needs a name", where=where, hint="one of: " + ", ".join(self.names()))
        return name, parse_settings(self[name], fields, where or name)

    def __getitem__(self, name: str) -> type[T]:
        if name not in self._components:
            if name not in self.names():
                raise RecipeError(f"unknown {self.kind} {name!r}", hint=nearest(name, self.names()))
            importlib.import_module(f"{self.package}.{name}")
        return self._components[name]
