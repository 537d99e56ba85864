"""Settings put over others from outside: ``a.b=c``."""

from typing import Any

from sr2tflite.errors import RecipeError
from sr2tflite.registry import parse_yaml


def assign(content: dict[str, Any], override: str) -> None:
    """Put one ``key.key=value`` into nested plain data; the value is read as YAML.

    Raises:
        RecipeError: It is not an assignment.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"{override!r} is not KEY=VALUE", hint="for example --set qat.steps=500")
    *parents, last = key.split(".")
    for parent in parents:
        if not isinstance(content.get(parent), dict):
            content[parent] = {}
        content = content[parent]
    try:
        content[last] = parse_yaml(text)
    except ValueError as error:
        raise RecipeError(f"the value in {override!r} is not YAML") from error
