"""``docs/recipes.md``, made of the recipe's own schema: ``python -m sr2tflite.run.reference`` prints it."""

import json
import sys
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sr2tflite.run.recipe import Recipe

_HEAD = """# Recipes

Made by `python -m sr2tflite.run.reference > docs/recipes.md`; a test sees to it that it is what the schema says.

A recipe is one YAML file that says everything from the student to the gates; `sr2tflite run RECIPE.yaml` carries it
out, and the same command goes on where a stopped run was. What a recipe leaves out has its default: `sr2tflite recipe
show RECIPE.yaml` prints it with all of them, `--set a.b=c` puts a value over it, `sr2tflite recipe diff A B` says what
two differ in, and `sr2tflite recipe schema` is the JSON schema for an editor. Unknown keys are errors, with the nearest
known one. Paths are relative to the recipe.

```yaml
name: mine
student: {name: anchor_rep, channels: 24}
data:
  train: [../datasets/train]
  evaluate: [../datasets/eval/Set14]
train: {steps: 20000}
qat: {steps: 1500, method: odm, ptq: {bits: {weights: 4}}}
gates: {psnr_drop_db: 0.1, ssim_drop: null, latency_ratio: 1.0}
```
"""


def page() -> str:
    """The whole page: a table of keys for every section, each section once."""
    told: set[type[BaseModel]] = set()
    return _HEAD + "".join(_section(Recipe, "the recipe", told))


def _section(model: type[BaseModel], title: str, told: set[type[BaseModel]]) -> Iterator[str]:
    if model in told:
        return
    told.add(model)
    yield f"\n## {title}\n\n{_sentences(model.__doc__)}\n\n| key | default | what |\n|---|---|---|\n"
    for name, field in model.model_fields.items():
        parts = _models(field.annotation)
        what = field.description or (parts[0].__doc__ if parts else None)
        yield f"| `{name}` | {_default(field)} | {_sentences(what)} |\n"
    for name, field in model.model_fields.items():
        for part in _models(field.annotation):
            yield from _section(part, f"{'' if model is Recipe else f'{title} → '}`{name}`{_kind(part)}", told)


def _kind(model: type[BaseModel]) -> str:
    """Which one it is, where a key may hold several sections."""
    kind = model.model_fields.get("kind")
    return f", `kind: {kind.default}`" if kind is not None else ""


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a key may hold, those of unions and of lists too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for one in get_args(annotation) for model in _models(one)]


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "*must be told*"
    if isinstance(value, BaseModel):
        return "see below"
    text = json.dumps(value, default=lambda one: one.model_dump() if isinstance(one, BaseModel) else str(one))
    return f"`{text}`"


def _sentences(text: str | None) -> str:
    """A docstring as one line of a table."""
    return " ".join((text or "").split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
