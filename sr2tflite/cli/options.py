"""Options that several verbs share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sr2tflite.errors import RecipeError

Decorated = Callable[..., Any]

COUNT = click.IntRange(min=1)


def data(
    text: str, *, required: bool = True, flag: str = "--data", name: str = "folders"
) -> Callable[[Decorated], Decorated]:
    """A repeatable option for folders of images."""
    return click.option(
        flag, name, multiple=True, required=required, metavar="DIR", type=click.Path(path_type=Path), help=text
    )


def out(suffix: str) -> Callable[[Decorated], Decorated]:
    """The file to write; its name ends in ``suffix``, so that the next verb knows it."""

    def named(_context: click.Context, parameter: click.Parameter, path: Path) -> Path:
        if path.suffix != suffix:
            raise click.BadParameter(f"{path} does not end in {suffix}", param=parameter)
        return path

    kind = click.Path(path_type=Path, dir_okay=False)
    flags, text = ("-o", "--output", "target"), "The file to write."
    return click.option(*flags, required=True, metavar=f"FILE{suffix}", type=kind, callback=named, help=text)


def assignments(_context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """``a=1`` and ``b.c=x`` as nested plain data, values read as YAML."""
    from sr2tflite.run.overrides import assign

    content: dict[str, Any] = {}
    for text in values:
        try:
            assign(content, text)
        except RecipeError as error:
            raise click.BadParameter(error.message, param=parameter) from error
    return content


def settings_of(what: str, example: str) -> Callable[[Decorated], Decorated]:
    """``--set key=value``: settings of a verb, named as in a recipe."""
    text = f"A setting of the {what}, as in a recipe: --set {example}. May be given more than once."
    return click.option("--set", "told", multiple=True, metavar="KEY=VALUE", callback=assignments, help=text)


weights = click.option(
    "--weights",
    type=click.Choice(["per-channel", "per-tensor"]),
    help="One weight scale per output channel (the default), or one per layer for accelerators that want it.",
)

student = click.option(
    "--student-set",
    "fields",
    multiple=True,
    metavar="KEY=VALUE",
    callback=assignments,
    help="A setting of the student: --student-set depth=4. May be given more than once.",
)

json_out = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
