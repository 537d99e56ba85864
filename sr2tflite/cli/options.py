"""Options that several verbs share."""

from collections.abc import Callable
from math import isfinite, nan
from pathlib import Path
from typing import Any

import click

from sr2tflite.errors import RecipeError

Decorated = Callable[..., Any]

IMAGES = "Folder of high-resolution images, or with HR/ and LR/, or DIV2K's, or two: HR:LR; may be given several times."
COUNT = click.IntRange(min=1)


class Named(click.Path):
    """A path that is really named, as a :class:`~pathlib.Path`.

    Nothing, which a variable that is not set gives, would be the folder that the shell is in; and shells leave ``~`` as
    it is behind ``=``.
    """

    def __init__(self, *, dir_okay: bool = True) -> None:
        super().__init__(path_type=Path, dir_okay=dir_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, of the user's own folder where it begins with ``~``."""
        if not str(value):
            self.fail("nothing is named; is a variable not set?", param, ctx)
        return super().convert(Path(value).expanduser() if str(value).startswith("~/") else value, param, ctx)


FILE = Named()


def data(
    text: str, *, required: bool = True, flag: str = "--data", name: str = "folders"
) -> Callable[[Decorated], Decorated]:
    """A repeatable option for folders of images."""
    return click.option(flag, name, multiple=True, required=required, metavar="DIR", type=FILE, help=text)


def out(suffix: str, *, required: bool = True, text: str = "The file to write.") -> Callable[[Decorated], Decorated]:
    """The file to write; its name ends in ``suffix``, so that the next verb knows it."""

    def named(_context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and path.suffix != suffix:
            raise click.BadParameter(f"{path} does not end in {suffix}", param=parameter)
        return path

    kind = Named(dir_okay=False)
    flags = ("-o", "--output", "target")
    return click.option(*flags, required=required, metavar=f"FILE{suffix}", type=kind, callback=named, help=text)


def picture(text: str) -> Callable[[Decorated], Decorated]:
    """``--plot``: the picture to draw."""

    def named(_context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and path.suffix != ".png":
            raise click.BadParameter(f"{path} does not end in .png", param=parameter)
        return path

    kind = Named(dir_okay=False)
    return click.option("--plot", type=kind, callback=named, metavar="FILE.png", help=text)


def ending(path: Path, suffix: str | None) -> Path:
    """See to it that ``-o`` names a file that ends in ``suffix``; with None, a folder."""
    if suffix is None and (path.suffix == ".tflite" or path.is_file()):
        raise click.UsageError(f"-o {path} names a file; expected a folder")
    if suffix is not None and (path.suffix != suffix or path.is_dir()):
        raise click.UsageError(f"-o {path} names no {suffix} file")
    return path


def file_kind(function: Decorated) -> Decorated:
    """``--int8`` and its like, one flag for each kind of file; at most one is given, and the first is the default."""
    from sr2tflite.export.kinds import KINDS

    def chosen(context: click.Context, parameter: click.Parameter, given: bool) -> None:
        flag, (default, *_) = parameter.opts[0], KINDS
        if given and (other := context.meta.setdefault("kind of file", flag)) != flag:
            raise click.UsageError(f"{other} and {flag} exclude each other")
        context.params["kind"] = context.meta.get("kind of file", f"--{default}").removeprefix("--")

    texts = {
        "int8": "An integer file (the default).",
        "uint8": "An integer file for old NPUs; of a model with --weights per-tensor.",
        "float32": "A float file.",
        "float16": "A float file with float16 weights.",
        "dynamic-range": "A float file with int8 weights.",
    }
    for kind in reversed(KINDS):
        option = click.option(f"--{kind}", is_flag=True, expose_value=False, callback=chosen, help=texts[kind])
        function = option(function)
    return function


def only_for_challenge(given: dict[str, Any]) -> dict[str, Any]:
    """The options that go with ``--challenge``, whose rules say the others."""
    clashing = [name for name in ("height", "width", "free_shape", "io") if given.get(name)]
    if given["kind"] != "int8":
        clashing.append(given["kind"])
    if clashing:
        flag = f"--{clashing[0].replace('_', '-')}"
        raise click.UsageError(f"{flag} with --challenge, which says sizes and types itself; leave it out")
    return {"cross_check": None, **{name: given[name] for name in ("backend", "cross_check") if name in given}}


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


def decibels(_context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """A number of decibels, ``0.02`` or ``0.02dB``."""
    if text is None:
        return None
    try:
        value = float(text.lower().removesuffix("db"))
    except ValueError:
        value = nan
    if not isfinite(value) or value < 0:
        raise click.BadParameter(f"{text!r} is no number of decibels; expected one like 0.02dB", param=parameter)
    return value


def percent(_context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """A share, ``3%`` or ``3``, as 0.03."""
    if text is None:
        return None
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = nan
    if not isfinite(value) or value < 0:
        raise click.BadParameter(f"{text!r} is no percentage; expected one like 3%", param=parameter)
    return value / 100


def settings_of(what: str, example: str) -> Callable[[Decorated], Decorated]:
    """``--set key=value``: settings of a verb, named as in a recipe."""
    text = f"A setting of the {what}, as in a recipe: --set {example}. May be given more than once."
    return click.option("--set", "told", multiple=True, metavar="KEY=VALUE", callback=assignments, help=text)


weights = click.option(
    "--weights",
    type=click.Choice(["per-channel", "per-tensor"]),
    help="One weight scale per output channel (the default), or one per layer for accelerators that want it.",
)

teacher = click.option(
    "--teacher", type=FILE, help="Whose output losses refer to: a published teacher, a checkpoint, a float .onnx."
)


def _count_or_auto(_context: click.Context, parameter: click.Parameter, text: str | None) -> int | str | None:
    if text is None or text == "auto":
        return text
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is no number of devices; expected one like 2, or auto", param=parameter)
    return int(text)


devices = click.option(
    "--devices",
    metavar="N|auto",
    callback=_count_or_auto,
    help="GPUs, or processes on a CPU, that share each batch; auto: all GPUs. Under torchrun, what it started.",
)

start = click.option("--start", type=FILE, help="A checkpoint of the same student, whose weights are gone on from.")

student = click.option(
    "--student-set",
    "fields",
    multiple=True,
    metavar="KEY=VALUE",
    callback=assignments,
    help="A setting of the student: --student-set depth=4. May be given more than once.",
)

json_out = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
