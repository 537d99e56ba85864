"""Options of ``bench``."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from sr2tflite.cli.options import COUNT, Decorated, picture


def _counts(lowest: int) -> Callable[[click.Context, click.Parameter, str | None], tuple[int, ...] | None]:
    """A list such as ``0,2-3``."""

    def read(_context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...] | None:
        if text is None:
            return None
        found: list[int] = []
        for part in text.split(","):
            first, dash, last = part.partition("-")
            words = (first, last if dash else first)
            ends = [int(end) for end in words if end.isascii() and end.isdigit() and len(end) < 5]
            if len(ends) < 2 or not lowest <= ends[0] <= ends[1]:
                expected = f"expected such as {lowest},{lowest + 2} or {lowest}-{lowest + 3}"
                message = f"{part!r} is no number from {lowest} on, nor a range; {expected}"
                raise click.BadParameter(message, param=parameter)
            found.extend(range(ends[0], ends[1] + 1))
        return tuple(dict.fromkeys(found))

    return read


def _sizes(_context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[tuple[int, int], ...] | None:
    """A list such as ``180x320,720x1280``: height by width."""
    if text is None:
        return None
    sizes = []
    for part in text.lower().replace("×", "x").split(","):
        sides = [int(side) for side in part.split("x") if side.isascii() and side.isdigit() and len(side) < 6]
        if len(sides) != 2 or part.count("x") != 1 or min(sides) < 1:
            raise click.BadParameter(f"{part!r} is no size; expected height by width, 720x1280", param=parameter)
        sizes.append((sides[0], sides[1]))
    return tuple(dict.fromkeys(sizes))


def _with_psnr(context: click.Context, _parameter: click.Parameter, year: str | None) -> str | None:
    if (year is None) != (context.params.get("psnr") is None):
        raise click.UsageError("--score and --psnr go together")
    return year


_HOST = (
    click.option("--threads", callback=_counts(1), metavar="N,…", help="Of the runtime; a list is compared: 1,2."),
    click.option("--seconds", type=click.FloatRange(min=0), metavar="S", help="Warm-up and timing a round, at least."),
    click.option("--height", type=COUNT, help="For free-shape files.  [default: 720, or what --score timed]"),
    click.option("--width", type=COUNT, help="For free-shape files.  [default: 1280, or what --score timed]"),
    click.option("--sizes", callback=_sizes, metavar="HxW,…", help="Every file at each of these sizes instead."),
    click.option("--cpus", callback=_counts(0), metavar="N,…", help="Hold the timed processes there: 0,2-3."),
    click.option("--ops", is_flag=True, help="Time every op too, in a pass of its own."),
)

_REPORT = (
    picture("Draw every run, and --sizes as a curve."),
    click.option(
        "--score",
        "year",
        type=click.Choice(["mai2021", "mai2022", "mai2026"]),
        callback=_with_psnr,
        help="The challenge's score, with this device's latency.",
    ),
    click.option(
        "--psnr", is_eager=True, metavar="DB|EVAL.json", help="For --score: the file's, or what eval --json printed."
    ),
)


def host_options(function: Decorated) -> Decorated:
    """What only a measurement on this machine takes."""
    return _with(_HOST, function)


def report_options(function: Decorated) -> Decorated:
    """What is made of a measurement."""
    return _with(_REPORT, function)


def _with(options: Sequence[Callable[[Any], Any]], function: Decorated) -> Decorated:
    for option in reversed(options):
        function = option(function)
    return function
