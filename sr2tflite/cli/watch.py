"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from sr2tflite.progress import Progress, silent

if TYPE_CHECKING:
    from rich.progress import TaskID

QUIET_S = 10.0
"""Seconds between two lines where there is no terminal."""


@contextmanager
def watching(quiet: bool) -> Iterator[Progress]:
    """A progress callback for the time of one command."""
    if quiet or sys.stderr is None:  # closed
        yield silent
    elif sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        yield _Lines()


class _Lines:
    """Every remark, and a line at most every ten seconds, with what the rest takes at the pace so far."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()
        self._began: dict[str, tuple[float, int]] = {}
        self._remarks: set[str] = set()

    def __call__(self, what: str, done: int, total: int, detail: str = "") -> None:
        if total == 0:
            _say_once(f"{what}: {detail}", self._remarks, partial(click.echo, err=True))
            return
        now = time.monotonic()
        began, before = self._began.setdefault(what, (now, done))
        if now - self._said_at < QUIET_S:
            return
        self._said_at = now
        rest = _in_words((now - began) / (done - before) * (total - done)) if done > before else ""
        click.echo(f"{what} {done}/{total} {rest}{detail}".rstrip(), err=True)


def _in_words(rest_s: float) -> str:
    """``(12 min left) ``."""
    for unit, length_s in (("h", 3600), ("min", 60)):
        if rest_s >= 2 * length_s:
            return f"({rest_s / length_s:.0f} {unit} left) "
    return f"({rest_s:.0f} s left) "


def _say_once(text: str, said: set[str], say: Callable[[str], None]) -> None:
    if text not in said:
        said.add(text)
        say(text)


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),  # names of files hold brackets
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}
        remarks: set[str] = set()
        above_the_bars = partial(bars.console.print, markup=False, highlight=False, soft_wrap=True)

        def progress(what: str, done: int, total: int, detail: str = "") -> None:
            if total == 0:
                _say_once(f"{what}: {detail}", remarks, above_the_bars)
                return
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total, detail=detail)
            bars.update(tasks[what], completed=done, total=total, detail=detail)

        yield progress
